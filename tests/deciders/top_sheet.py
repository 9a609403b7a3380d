"""The top sheet of a real 75-minute stereoscopic feature, in whole rupees: it adds exactly."""

from events.budget import Level, TotalName

TOP_SHEET = [
    ("1100", "Story and Other Rights", Level.ABOVE_THE_LINE, "931000"),
    ("1200", "Producer", Level.ABOVE_THE_LINE, "2460000"),
    ("1300", "Director", Level.ABOVE_THE_LINE, "1715000"),
    ("1400", "Cast", Level.ABOVE_THE_LINE, "2560000"),
    ("1500", "Travel and Living", Level.ABOVE_THE_LINE, "1660000"),
    ("1600", "Miscellaneous", Level.ABOVE_THE_LINE, "200000"),
    ("1900", "Fringe Benefits", Level.ABOVE_THE_LINE, "810000"),
    ("2000", "Production Staff", Level.PRODUCTION, "1299750"),
    ("2100", "Extra Talent", Level.PRODUCTION, "17000"),
    ("2200", "Art Direction", Level.PRODUCTION, "262000"),
    ("2300", "Set Construction", Level.PRODUCTION, "300000"),
    ("2400", "Set Striking", Level.PRODUCTION, "30000"),
    ("2500", "Set Operations", Level.PRODUCTION, "99700"),
    ("2700", "Set Dressing", Level.PRODUCTION, "21500"),
    ("2800", "Property", Level.PRODUCTION, "271000"),
    ("2900", "Men's Wardrobe", Level.PRODUCTION, "91000"),
    ("3000", "Women's Wardrobe", Level.PRODUCTION, "80000"),
    ("3100", "Makeup and Hairdressing", Level.PRODUCTION, "61000"),
    ("3200", "Electrical; Rigging; and Operations", Level.PRODUCTION, "298500"),
    ("3300", "Camera Operations", Level.PRODUCTION, "12932830"),
    ("3400", "Sound Operations", Level.PRODUCTION, "63000"),
    ("3500", "Transportation", Level.PRODUCTION, "1850000"),
    ("3600", "Location", Level.PRODUCTION, "470000"),
    ("3700", "Production Film and Lab", Level.PRODUCTION, "13080000"),
    ("5000", "Editing", Level.POST, "1805000"),
    ("5100", "Music", Level.POST, "485000"),
    ("5200", "Post Production Sound", Level.POST, "2290000"),
    ("5300", "Post Production Film and Lab", Level.POST, "2830000"),
    ("5400", "Main and End Titles", Level.POST, "150000"),
    ("6500", "Publicity", Level.OTHER, "0"),
    ("6700", "Insurance", Level.OTHER, "2020000"),
    ("6800", "General Overhead", Level.OTHER, "840000"),
    ("7500", "Fees; Charges; and Misc.", Level.OTHER, "400000"),
]
#: As its makers stated them.
TOP_SHEET_TOTALS = {
    TotalName.ABOVE_THE_LINE: "10336000",
    TotalName.PRODUCTION: "31227280",
    TotalName.POST: "7560000",
    TotalName.OTHER: "3260000",
    TotalName.BELOW_THE_LINE: "42047280",
    TotalName.ABOVE_AND_BELOW: "52383280",
    TotalName.GRAND_TOTAL: "61240772",
}
