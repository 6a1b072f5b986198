"""The RFID reader of the box and the cards in its field.

- ``mfrc522``: the chip as its SPI bus sees it; ``mfrc522_registers``: names from the datasheet;
  ``mfrc522_parts``: registers, FIFO, timer; ``mfrc522_radio``: what it sends and hears;
  ``mfrc522_faults``: what can be wrong with it.
- ``picc``: cards and the field; ``iso14443a``: bits, parity and checksums on the air.
"""
