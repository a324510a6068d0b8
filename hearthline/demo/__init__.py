"""The demonstration: a customer with campaigns, people to enter as, robots to call, and robot operators who work a first
shift through the same pages, events and audio that people use."""
