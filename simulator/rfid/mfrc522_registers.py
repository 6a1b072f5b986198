"""Registers of the MFRC522: names, values after a reset, and who may write what.

Facts of the data sheet (NXP MFRC522, rev. 3.9, section 9). Pure.
"""

from __future__ import annotations

from enum import IntEnum


class Reg(IntEnum):
    """Register addresses, by the data sheet's names."""

    CommandReg = 0x01
    ComIEnReg = 0x02
    DivIEnReg = 0x03
    ComIrqReg = 0x04
    DivIrqReg = 0x05
    ErrorReg = 0x06
    Status1Reg = 0x07
    Status2Reg = 0x08
    FIFODataReg = 0x09
    FIFOLevelReg = 0x0A
    WaterLevelReg = 0x0B
    ControlReg = 0x0C
    BitFramingReg = 0x0D
    CollReg = 0x0E
    ModeReg = 0x11
    TxModeReg = 0x12
    RxModeReg = 0x13
    TxControlReg = 0x14
    TxASKReg = 0x15
    TxSelReg = 0x16
    RxSelReg = 0x17
    RxThresholdReg = 0x18
    DemodReg = 0x19
    MfTxReg = 0x1C
    MfRxReg = 0x1D
    SerialSpeedReg = 0x1F
    CRCResultRegH = 0x21
    CRCResultRegL = 0x22
    ModWidthReg = 0x24
    RFCfgReg = 0x26
    GsNReg = 0x27
    CWGsPReg = 0x28
    ModGsPReg = 0x29
    TModeReg = 0x2A
    TPrescalerReg = 0x2B
    TReloadRegH = 0x2C
    TReloadRegL = 0x2D
    TCounterValRegH = 0x2E
    TCounterValRegL = 0x2F
    AutoTestReg = 0x36
    VersionReg = 0x37


class Command(IntEnum):
    """Command codes of CommandReg, bits 3 to 0."""

    Idle = 0x00
    Mem = 0x01
    GenerateRandomID = 0x02
    CalcCRC = 0x03
    Transmit = 0x04
    NoCmdChange = 0x07
    Receive = 0x08
    Transceive = 0x0C
    MFAuthent = 0x0E
    SoftReset = 0x0F


RESET_VALUES: dict[int, int] = {
    Reg.CommandReg: 0x20,
    Reg.ComIEnReg: 0x80,
    Reg.ComIrqReg: 0x14,
    Reg.WaterLevelReg: 0x08,
    Reg.ControlReg: 0x10,
    Reg.CollReg: 0xA0,
    Reg.ModeReg: 0x3F,
    Reg.TxControlReg: 0x80,
    Reg.TxSelReg: 0x10,
    Reg.RxSelReg: 0x84,
    Reg.RxThresholdReg: 0x84,
    Reg.DemodReg: 0x4D,
    Reg.MfTxReg: 0x62,
    Reg.SerialSpeedReg: 0xEB,
    Reg.CRCResultRegH: 0xFF,
    Reg.CRCResultRegL: 0xFF,
    Reg.ModWidthReg: 0x26,
    Reg.RFCfgReg: 0x48,
    Reg.GsNReg: 0x88,
    Reg.CWGsPReg: 0x20,
    Reg.ModGsPReg: 0x20,
    Reg.AutoTestReg: 0x40,
}
"""Every address that is not listed reads 0x00 after a reset."""

READ_ONLY = frozenset(
    {
        Reg.ErrorReg,
        Reg.Status1Reg,
        Reg.CRCResultRegH,
        Reg.CRCResultRegL,
        Reg.TCounterValRegH,
        Reg.TCounterValRegL,
        Reg.VersionReg,
    }
)


class ModemState(IntEnum):
    """What sender and receiver do: Status2Reg, bits 2 to 0."""

    IDLE = 0
    WAIT_FOR_START_SEND = 1
    TRANSMITTING = 3
    WAIT_FOR_DATA = 5
    RECEIVING = 6


# ComIrqReg
TX_IRQ, RX_IRQ, IDLE_IRQ, HI_ALERT_IRQ, LO_ALERT_IRQ, ERR_IRQ, TIMER_IRQ = (
    0x40,
    0x20,
    0x10,
    0x08,
    0x04,
    0x02,
    0x01,
)
# DivIrqReg
CRC_IRQ = 0x04
# ErrorReg
TEMP_ERR, BUFFER_OVFL, COLL_ERR, CRC_ERR, PARITY_ERR, PROTOCOL_ERR = (
    0x40,
    0x10,
    0x08,
    0x04,
    0x02,
    0x01,
)

CRC_PRESETS = (0x0000, 0x6363, 0xA671, 0xFFFF)
"""By ModeReg bits 1 and 0."""

FIFO_SIZE = 64
