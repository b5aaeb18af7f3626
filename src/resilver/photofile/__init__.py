"""The parts of `resilver.photo`: recognising, reading, writing and describing photo files.

formats          what kinds of file there are and what each can carry
reading          any file -> Scan (calls vips_reading, heic, camera_raw)
writing          pixels + metadata -> one whole file or none (calls containers, heic)
colour_profile   ICC: to sRGB for work, back to the source's profile
metadata         EXIF, XMP, IPTC, dpi and notes as one value (exif, xmp, iptc, directories)
"""
