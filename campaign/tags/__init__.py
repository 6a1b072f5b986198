"""A reader in noise, on virtual time; judged by campaign.claims.tags.

bench    the driver on the simulated chip, register by register
air      the driver on frames alone, for the great numbers; what noise makes of a frame
"""
