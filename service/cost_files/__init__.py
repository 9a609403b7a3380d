"""The cost report as files: a workbook that goes on reckoning, and a page to hand out."""
