"""What may be asked, what is refused, what is remembered: the rules. No input, no output, no clock."""
