"""The pictures in docs/images: `python -m tools.screenshots` takes them anew, of the real pages.

A server with a house that has charged for months is started, a browser looks at it.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tools import browser
from tools.house import PASSWORD, House
from tools.installation import ROOT, until

IMAGES = ROOT / "docs/images"
COLOURS = 64
SHORTEST, TALLEST = 300, 1100
WIDE, PHONE = 1000, 360


def log_in(driver: Chrome, house: House, name: str) -> None:
    """Log in by the page, as people do."""
    driver.delete_all_cookies()
    driver.get(house.url + "login/")
    driver.find_element(By.NAME, "username").send_keys(name)
    driver.find_element(By.NAME, "password").send_keys(PASSWORD)
    driver.find_element(By.CSS_SELECTOR, "main form button").click()
    until(lambda: driver.find_elements(By.LINK_TEXT, "Passwort ändern"), f"login of {name}")


def take(driver: Chrome, house: House, name: str, path: str, width: int) -> None:
    """Go to a page and write its picture."""
    browser.resize(driver, width, height=SHORTEST)
    driver.get(house.url + path)
    keep(driver, name)


def make_station(driver: Chrome, house: House, name: str) -> None:
    """Make a station by the page, which then shows its token, and never again."""
    browser.resize(driver, WIDE, height=SHORTEST)
    driver.get(house.url + "stations/")
    form = driver.find_element(By.CSS_SELECTOR, 'form[action$="/stations/new/"]')
    form.find_element(By.XPATH, "../summary").click()
    form.find_element(By.NAME, "name").send_keys(name)
    form.find_element(By.CSS_SELECTOR, "button").click()
    until(lambda: driver.find_elements(By.ID, "token"), "the token")


def keep(driver: Chrome, name: str) -> None:
    """Write the picture of the page that is open, with few colours, so that it is small."""
    image = Image.open(io.BytesIO(browser.picture(driver))).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, TALLEST)))
    image = image.quantize(COLOURS, dither=Image.Dither.NONE)
    file = IMAGES / f"{name}.png"
    image.save(file, optimize=True)
    print(f"{file.relative_to(ROOT)}  {image.width}x{image.height}  {file.stat().st_size} bytes")


def main() -> int:
    if not browser.is_here():
        print(browser.MISSING, file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with House(folder) as house, browser.browser(folder / "profile") as driver:
            house.charge_for_months()
            house.charge_now()
            month = f"{house.last_month:%Y-%m}"
            number = longest_charge(house)
            log_in(driver, house, "admin")
            take(driver, house, "stations", "stations/", WIDE)
            take(driver, house, "sessions", f"sessions/?month={month}", WIDE)
            take(driver, house, "session", f"sessions/{number}/", WIDE)
            take(driver, house, "review", "review/", WIDE)
            take(driver, house, "month", f"months/{month}/", WIDE)
            take(driver, house, "station", first_station(driver, house), WIDE)
            take(driver, house, "tags", "tags/", WIDE)
            house.server.manage("evcs_tariff", "--from", f"{house.last_month}", "--price", "0.35")
            take(driver, house, "prices", "prices/", WIDE)
            # Last of the landlord's: the station would be on the others, and has never been heard.
            make_station(driver, house, "Lader1")
            keep(driver, "new-station")
            take(driver, house, "stations-phone", "stations/", PHONE)
            log_in(driver, house, "mieter")
            take(driver, house, "my-charging", f"my/?month={month}", WIDE)
            take(driver, house, "my-charging-phone", f"my/?month={month}", PHONE)
    return 0


def first_station(driver: Chrome, house: House) -> str:
    """The path of the first station's page."""
    driver.get(house.url + "stations/")
    link = driver.find_element(By.CSS_SELECTOR, ".board h2 a").get_attribute("href")
    return str(link).removeprefix(house.url)


def longest_charge(house: House) -> int:
    """The number of the session with the most energy, on the pages."""
    found = house.server.get("sessions?state=ended")["results"]
    return int(max(found, key=lambda one: one["energy_wh"])["session_id"])


if __name__ == "__main__":
    sys.exit(main())
