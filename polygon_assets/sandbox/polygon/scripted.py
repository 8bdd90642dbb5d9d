"""Synthetic securities with a story: what happens to them is written here, not drawn.

The stories take place around the sessions from 2005-02-14 to 2005-02-28, which the demo loads, and
on the first 60 symbols, which it serves.
"""

from datetime import date

from polygon_assets.sandbox.polygon.security import Payment, Split

RENAMES = {"ZZAH": ("ZZAI", date(2005, 2, 24))}
"""First ticker: the next one, and the first day under it.

Each of the two is served on its own days, whether the other one is chosen or not.
"""
SUCCESSORS = {"ZZAJ": "ZZAJ II"}
"""Ticker: the name of the security that it belongs to once the first one is delisted."""

SPLITS = {
    "ZZAB": (Split(date(2005, 2, 24), 1, 2), Split(date(2014, 6, 9), 1, 3)),
    "ZZAC": (Split(date(2005, 3, 2), 10, 1),),
    # One under each ticker: the second one adjusts the prices under both.
    "ZZAH": (Split(date(2004, 2, 10), 1, 2), Split(date(2005, 2, 25), 1, 3)),
    # Does not concern the security that had the ticker before.
    "ZZAJ II": (Split(date(2005, 2, 25), 1, 2),),
    # After the demo's sessions: a check warns of a split that is listed twice.
    "ZZAK": (Split(date(2005, 3, 1), 1, 2, entries=2),),
    "ZZAQ": (Split(date(2005, 2, 23), 1, 2),),
}
PAYMENTS = {
    "ZZAH": (Payment(date(2005, 2, 16), 0.006), Payment(date(2005, 2, 28), 0.006)),
    "ZZAO": (Payment(date(2005, 2, 18), 0.005), Payment(date(2005, 2, 18), 0.04, is_special=True)),
    "ZZAQ": (Payment(date(2005, 2, 23), 0.008),),
}
LISTINGS = {"ZZAD": date(2005, 2, 23), "ZZAJ II": date(2005, 2, 22)}
DELISTINGS = {"ZZAE": date(2005, 3, 2), "ZZAJ": date(2005, 2, 17)}
THIN = {"ZZAF"}
FRACTIONAL = {"ZZAG", "NAN", "KIMpL"}
WITHOUT_VWAP = {"NULL"}
