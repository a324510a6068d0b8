"""`hearthline doctor`: what is missing before this exchange can make real calls, each with its remedy."""
