"""What may happen, and the doors: the rules, the handling of commands, HTTP and the command line."""
