"""The devices on the box, over RPi.GPIO, spidev, mfrc522 and minimalmodbus.

The hardware libraries are imported lazily (libraries.py), so that this package loads anywhere.
Nothing here knows the station: a device takes its pins and ports as arguments.
"""
