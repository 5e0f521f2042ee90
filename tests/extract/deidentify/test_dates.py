"""Dates found, and moved in the form that they are written in."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.extract.deidentify.date_shift import day_first, shifted
from medkg.extract.deidentify.dates import find_dates


@pytest.mark.parametrize(
    "date",
    [
        "03/05/2024",
        "2024-03-05",
        "5.3.24",
        "5 March 2024",
        "March 5th, 2024",
        "05-Mar-24",
        "05MAR2024",
        "20240305",
        "March 2024",
        "the fifth of March",
        "eighth of August, nineteen eighty two",
        "3-7 March",
        "03/2021",
        "Christmas Eve",
        "Yom Kippur",
        "October",
    ],
)
def test_a_date_is_found_whole(date: str) -> None:
    text = f"Seen {date}, well."
    start = text.index(date)
    letters = {n for n in range(start, start + len(date)) if text[n].isalnum()}
    taken = {n for a, b in find_dates(text) for n in range(a, b)}
    assert (
        letters - taken <= set(range(start, start + 4))
        if date.startswith("the ")
        else not letters - taken
    )


@pytest.mark.parametrize(
    "text", ["BP 120/80", "pain 3/10", "in 2019", "on Monday", "he may walk", "0.9 mg", "at 10:30"]
)
def test_what_is_no_date_is_left(text: str) -> None:
    assert list(find_dates(text)) == []


@pytest.mark.parametrize(
    ("date", "moved"),
    [
        ("03/05/2024", "05/07/2024"),
        ("3/5/24", "5/7/24"),
        ("2024-03-05", "2024-05-07"),
        ("20240305", "20240507"),
        ("5 March 2024", "7 May 2024"),
        ("MARCH THE FIFTH", "MAY THE SEVENTH"),
        ("5th of March, 2024", "7th of May, 2024"),
        ("05MAR2024", "07MAY2024"),
        ("Dec '23", "Feb '24"),
        ("03/2021", "05/2021"),
        ("3/28-4/2", "5/30-6/4"),
        ("28-31 Jan 2024", "31 March – 3 April 2024"),
        ("eighth of August, nineteen eighty two", "tenth of October, nineteen eighty two"),
        ("March 3, 2020 at 14:30", "May 5, 2020 at 14:30"),
        ("Christmas Day", None),
        ("31/31/2020", None),
    ],
)
def test_a_date_is_moved_in_its_form(date: str, moved: str | None) -> None:
    assert shifted(date, 63, day_is_first=False, year=2023) == moved


@given(
    st.dates(datetime.date(1950, 1, 1), datetime.date(2024, 1, 1)),
    st.integers(-52, 52),
    st.sampled_from(["%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%d-%b-%Y", "%m/%d/%Y"]),
)
def test_intervals_and_weekdays_are_kept(day: datetime.date, weeks: int, form: str) -> None:
    moved = shifted(day.strftime(form), 7 * weeks, day_is_first=False, year=2020)
    assert moved is not None
    read = datetime.datetime.strptime(moved, form).date()
    assert read - day == datetime.timedelta(weeks=weeks)
    assert read.weekday() == day.weekday()


def test_a_spoken_year_that_has_no_words_is_not_moved() -> None:
    spoken = "first of January nineteen one"
    assert shifted(spoken, -21, day_is_first=True, year=1901) is None


def test_the_order_of_day_and_month_is_that_of_the_text() -> None:
    assert day_first(["03/04/2020", "25/04/2020"])
    assert not day_first(["03/04/2020", "04/25/2020"])
    assert shifted("03/04/2020", 7, day_is_first=True, year=2020) == "10/04/2020"
