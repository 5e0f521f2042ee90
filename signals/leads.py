"""The usual names of an electrocardiogram's leads, which other recordings may have, too."""

from __future__ import annotations

import re

_LIMB = r"(?:ml)?i{1,3}|av[rlf]|di{1,3}"
_CHEST = r"v\d[rl]?|mcl\d|c[ms]\d"
_AROUND = r"\A[\W_]*(?:(?:e[ck]g|lead)[\W_]*)?(?:{})(?![a-z0-9])"
# Of "ECG", "EKG 1", "II", "MLII", "Lead V5", "aVR-REF", …
LEADS = re.compile(rf"e[ck]g|{_AROUND.format(f'{_LIMB}|{_CHEST}')}", re.IGNORECASE)
LIMB_LEAD_II = re.compile(_AROUND.format("(?:ml|d)?ii"), re.IGNORECASE)
CHEST_LEAD = re.compile(_AROUND.format(_CHEST), re.IGNORECASE)
