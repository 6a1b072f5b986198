"""Files as a power cut leaves them.

witness   sees every write of a process below a folder (witness.c, preloaded), and reads its log
cut       what the disk may hold if the power goes after one of these writes
"""
