# SPDX-License-Identifier: Apache-2.0
"""Fresh valid identifiers, so that tests that share a stack do not meet."""
import itertools
import random

numbers = itertools.count(random.randrange(10_000_000, 90_000_000))


def luhn_digit(digits):
    """The digit that makes a number pass the Luhn check."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def new_siren():
    """A SIREN that no test has used yet."""
    digits = f"{next(numbers):08d}"
    return digits + luhn_digit(digits)


def new_iban():
    """A French IBAN that no test has used yet."""
    bank, branch, account = 99999, 1, next(numbers)
    key = 97 - (89 * bank + 15 * branch + 3 * account) % 97
    basic = f"{bank:05d}{branch:05d}{account:011d}{key:02d}"
    return f"FR{98 - int(basic + '152700') % 97:02d}{basic}"


def new_email(name="someone"):
    return f"{name}-{next(numbers)}@client.example"


def forged(link):
    """A link of the same form that nobody has signed."""
    return link[:-2] + ("BA" if link.endswith("AA") else "AA")
