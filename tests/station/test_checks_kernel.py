"""What the probe of the GPIO lines asks of the kernel, against the kernel's own header."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from station.checks import lines

HEADER = Path("/usr/include/linux/gpio.h")

PROGRAM = r"""
#include <linux/gpio.h>
#include <stddef.h>
#include <stdio.h>
int main(void) {
    printf("%lu %zu %zu\n", (unsigned long) GPIO_GET_CHIPINFO_IOCTL,
           sizeof(struct gpiochip_info), offsetof(struct gpiochip_info, label));
    printf("%lu %zu %zu %zu %zu\n", (unsigned long) GPIO_V2_GET_LINEINFO_IOCTL,
           sizeof(struct gpio_v2_line_info), offsetof(struct gpio_v2_line_info, consumer),
           offsetof(struct gpio_v2_line_info, offset), offsetof(struct gpio_v2_line_info, flags));
    printf("%d %d %d\n", GPIO_V2_LINE_FLAG_USED, GPIO_V2_LINE_FLAG_OUTPUT, GPIO_MAX_NAME_SIZE);
    return 0;
}
"""


@pytest.mark.skipif(
    shutil.which("gcc") is None or not HEADER.exists(), reason="needs: gcc, linux-libc-dev"
)
def test_requests_and_structures_are_those_of_the_kernel(tmp_path: Path) -> None:
    program = tmp_path / "gpio"
    (tmp_path / "gpio.c").write_text(PROGRAM)
    subprocess.run(["gcc", "-o", program, tmp_path / "gpio.c"], check=True, timeout=60)
    said = subprocess.run([program], check=True, capture_output=True, text=True, timeout=60)
    assert [[int(word) for word in line.split()] for line in said.stdout.splitlines()] == [
        [lines.CHIP_INFO, lines.CHIP_INFO_BYTES, lines._LABEL_AT],
        [
            *(lines.LINE_INFO, lines.LINE_INFO_BYTES, lines._CONSUMER_AT),
            *(lines._OFFSET_AT, lines._FLAGS_AT),
        ],
        [lines._USED, lines._OUTPUT, lines._NAME_BYTES],
    ]
