"""The usual names of an electrocardiogram's leads, which other recordings may have, too."""

from __future__ import annotations

import re

_LIMB = r"m?[ld]?(?:i{1,3}|(?<=[ld])[1-3])|av[rlf]"
_CHEST = r"v\d{1,2}[rl]?|mcl\d|c[cms]\d"
_AROUND = r"\A[\W_]{{0,3}}(?:e[ck]g[\W_]{{0,3}})?(?:lead[\W_]{{0,3}})?(?:{})(?![a-z0-9])"
# Of "ECG", "EKG 1", "II", "MLII", "Lead V5", "aVR-REF", …
LEADS = re.compile(rf"e[ck]g|{_AROUND.format(f'{_LIMB}|{_CHEST}')}", re.IGNORECASE)
LIMB_LEAD_II = re.compile(_AROUND.format("m?[ld]?(?:ii|(?<=[ld])2)"), re.IGNORECASE)
CHEST_LEAD = re.compile(_AROUND.format(_CHEST), re.IGNORECASE)
