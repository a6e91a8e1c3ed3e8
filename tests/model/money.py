# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of whole cents and basis points (MON-1 to MON-3)."""
WHOLE_BP = 10_000


def share(cents, rate_bp):
    """rate × amount, rounded half away from zero."""
    rounded = (abs(cents) * rate_bp * 2 + WHOLE_BP) // (2 * WHOLE_BP)
    return rounded if cents >= 0 else -rounded


def share_up(cents, rate_bp):
    """rate × amount, rounded up."""
    return -(-cents * rate_bp // WHOLE_BP)


def vat_by_rate(lines):
    """{rate: (net, VAT)} of lines or trainings, which have net_cents and vat_rate_bp: taxed once a rate, on the sum (MON-3)."""
    nets = {}
    for line in lines:
        nets[line.vat_rate_bp] = nets.get(line.vat_rate_bp, 0) + line.net_cents
    return {rate_bp: (net, share(net, rate_bp)) for rate_bp, net in nets.items()}
