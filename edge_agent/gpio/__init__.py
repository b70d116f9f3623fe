"""The pins of a Raspberry Pi: LEDs and buttons. The only folder that imports gpiozero.

Factories are always passed in, so that a test can hold the pins in its hand.
"""
