"""`hearthline up`: the parent process that starts, watches and restarts the parts of an exchange on one machine."""
