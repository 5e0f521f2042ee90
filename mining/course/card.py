"""The card of a model of a patient's course."""

from __future__ import annotations

from .model import CourseModel


def card_of(model: CourseModel) -> str:
    """The model card, Markdown."""
    settings, metrics, columns = model.settings, model.metrics, model.columns
    unit = f" {settings['unit']}" if settings["unit"] else ""
    rows = "\n".join(
        f"| {'the visit' if part['at'] is None else format(part['at'], 'g')} | {name} |"
        f" {part['patients']:,} | {row['c']:.3f} | {row['auc']:.3f} | {row['ibs']:.4f} |"
        f" {row['calibration_error']:.3f} |"
        for part in metrics["landmarks"]
        for name, row in part["models"].items()
    )
    alarm = metrics["alarm"]
    return f"""# Risk of an event after each visit: {settings["model"]}

The risk of `{columns.event}` over time after each of a patient's visits.

- Made by `medkg train course TABLE --out MODEL --model {settings["model"]}
  --seed {settings["seed"]}`.
- Trained on {metrics["visits"]:,} visits of {metrics["patients"]:,} patients. Their rows are not in
  this folder: medians, means, deviations and words that several patients share are.
- Covariates: {", ".join(columns.covariates)}.
- Alarm: a risk within {settings["horizon"]:g}{unit} of at least {settings["threshold"]:.4f}. Of 100
  visits without an event within that time {alarm["false_alarms"]:g} have a false alarm; of visits
  with one {100 * alarm["recognised"]:.0f} % have an alarm.

By five folds of patients, at landmarks (by the visits until then, the time from then on): C is
Antolini's, AUC and calibration are of events within {settings["horizon"]:g}{unit}, IBS goes to it.

| landmark | model | patients | C | AUC | IBS | calibration error |
|---|---|---|---|---|---|---|
{rows}

- Limits: what patients like these had, under the care that they got. A risk is no effect of a
  covariate, and a changed covariate need not change it. It is no medical device.
"""
