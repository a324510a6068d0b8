"""Live make-believe: a telephone provider whose numbers are robots with characters, and the voice of a robot operator.

The provider (`python -m hearthline.switch.robots --config FILE`) is reached by real SIP with digest authentication;
nothing in the exchange knows that its contacts are robots.
"""
