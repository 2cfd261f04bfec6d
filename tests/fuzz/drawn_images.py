"""Small image files of every kind that is read, and ways to damage them."""

import io
import itertools
import random
import struct
import zipfile
import zlib

import imagecodecs
import numpy as np
from PIL import Image

from tests.data.claiming_png import claiming_png
from tests.data.image_files import by_numpy, by_pillow, by_tifffile, noise, pillow_image

ODD_NUMBERS = (0, 1, 0xFF, 0xFFFF, 2**31 - 1, 2**32 - 1, 2**31, 2**16, 2**15 - 1, 2**24)
TIFF_OPTIONS = (
    *({}, {"tile": (16, 16)}, {"bigtiff": True}, {"byteorder": ">"}, {"rowsperstrip": 5}),
    *({"compression": name} for name in ("zlib", "lzw", "zstd", "packbits", "lzma")),
    {"compression": "zlib", "predictor": True},
)
IMAGES_IN_TIFF = ("jpeg", "webp", "jpeg2000", "jpegxl", "png", "jpegxr", "lerc")


def animated(file_format):
    frames = [Image.fromarray(noise(9, 9, 3) ^ np.uint8(number)) for number in range(3)]
    return by_pillow(frames[0], file_format, save_all=True, append_images=frames[1:])


def whole_files():
    """(suffix, content) of files that are well, most of which are read."""
    yield from ((".png", by_pillow(pillow_image(m), "PNG")) for m in ("RGB", "L", "1", "P", "RGBA"))
    yield ".png", bytes(imagecodecs.png_encode(noise(13, 21, 3, dtype="uint16")))
    for mode, progressive in itertools.product(("RGB", "L", "CMYK"), (False, True)):
        yield ".jpg", by_pillow(pillow_image(mode), "JPEG", progressive=progressive)
    yield from ((".bmp", by_pillow(pillow_image(m), "BMP")) for m in ("RGB", "L", "1", "P", "RGBA"))
    for mode, lossless in itertools.product(("RGB", "RGBA"), (False, True)):
        yield ".webp", by_pillow(pillow_image(mode), "WEBP", lossless=lossless)
    yield from ((".webp", animated("WEBP")), (".png", animated("PNG")), (".jpg", animated("GIF")))
    yield ".tif", animated("TIFF")
    for dtype, options in itertools.product(("uint8", "uint16", "float32"), TIFF_OPTIONS):
        yield ".tif", by_tifffile(noise(32, 48, 3, dtype=dtype), photometric="rgb", **options)
    for name in IMAGES_IN_TIFF:
        yield ".tif", by_tifffile(noise(32, 48, 3), photometric="rgb", compression=name)
    for mode in ("1", "L", "RGB", "CMYK", "P", "LAB", "I;16"):
        yield ".tif", by_pillow(pillow_image("RGB" if mode == "I;16" else mode), "TIFF")
    for name in ("group3", "group4"):
        yield ".tif", by_pillow(pillow_image("1"), "TIFF", compression=name)
    planes = {"planarconfig": "separate", "photometric": "minisblack"}
    yield ".tif", by_tifffile(noise(5, 32, 48), **planes)
    yield ".npy", by_numpy(np.save, noise(9, 9, 3))
    yield ".npy", by_numpy(np.save, noise(9, 9, dtype="float64"))
    yield ".npz", by_numpy(np.savez, noise(9, 9, 3))
    yield ".npz", by_numpy(np.savez_compressed, noise(9, 9, 3))


def damaged(files, seed):
    """(suffix, content) of one of the files, damaged in a few places."""
    draw = random.Random(seed)
    suffix, content = draw.choice(files)
    content = bytearray(content)
    for _ in range(draw.choice([1, 1, 1, 2, 3, 5])):
        if content:
            content = _changed(content, draw, files)
    content = bytes(content)
    # With their checksums put right, more of the chunks are believed.
    if suffix == ".png" and draw.random() < 0.7:
        content = _with_checksums(content)
    if draw.random() < 0.05:
        suffix = draw.choice([".png", ".jpg", ".bmp", ".webp", ".tif", ".npy", ".npz"])
    return suffix, content


def _changed(content, draw, files):
    place = draw.randrange(min(len(content), draw.choice([64, 300, len(content)])))
    kind = draw.randrange(8)
    if kind == 0:
        return content[:place]
    if kind == 1:
        content[place] = draw.randrange(256)
    elif kind == 2:
        content[place] ^= 1 << draw.randrange(8)
    elif kind == 3:
        form = draw.choice(["<I", ">I", "<H", ">H"])
        number = draw.choice(ODD_NUMBERS) & (2**32 - 1 if form[1] == "I" else 2**16 - 1)
        content[place : place + struct.calcsize(form)] = struct.pack(form, number)
    elif kind == 4:
        del content[place : place + draw.randrange(1, 40)]
    elif kind == 5:
        content[place:place] = draw.randbytes(draw.randrange(1, 9))
    elif kind == 6:
        source, count = draw.randrange(len(content)), draw.randrange(1, 17)
        content[place : place + count] = content[source : source + count]
    else:
        other = draw.choice(files)[1]
        content[place:] = other[draw.randrange(len(other)) :]
    return content


def _with_checksums(content):
    fixed, place = bytearray(content[:8]), 8
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        if place + 12 + length > len(content):
            break
        body = content[place + 4 : place + 8 + length]
        fixed += content[place : place + 4] + body + struct.pack(">I", zlib.crc32(body))
        place += 12 + length
    return bytes(fixed + content[place:])


# Files that claim to be far larger than they are


def claiming_jpeg(height, width):
    content = bytearray(by_pillow(pillow_image("RGB"), "JPEG"))
    start = content.index(b"\xff\xc0")
    struct.pack_into(">HH", content, start + 5, height, width)
    return bytes(content)


def claiming_gif(height, width):
    content = bytearray(by_pillow(pillow_image("P"), "GIF"))
    struct.pack_into("<HH", content, 6, width, height)
    struct.pack_into("<HH", content, content.rindex(b",") + 5, width, height)
    return bytes(content)


def claiming_bmp(height, width):
    content = bytearray(by_pillow(pillow_image("RGB"), "BMP"))
    struct.pack_into("<ii", content, 18, width, height)
    return bytes(content)


def claiming_npy(shape, dtype="|u1"):
    file = io.BytesIO()
    head = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)
    return file.getvalue() + bytes(100)


def tiff_pages(pages, width, height, strip, *, compression, rows, samples=1, bits=8):
    """Pages whose strips, of so many rows, are all the same bytes in the file."""
    strips = -(-height // rows)
    content = bytearray(b"II*\0" + bytes(4) + strip)
    tables = [[8] * strips, [len(strip)] * strips]
    places = []
    for table in tables:
        content += bytes(-len(content) % 4)
        places.append(len(content) if strips > 1 else table[0])
        content += struct.pack(f"<{strips}I", *table) if strips > 1 else b""
    struct.pack_into("<I", content, 4, len(content))
    colours = 2 if samples == 3 else 1
    tags = [
        *((256, 1, width), (257, 1, height), (258, 1, bits), (259, 1, compression)),
        *((262, 1, colours), (273, strips, places[0]), (277, 1, samples), (278, 1, rows)),
        (279, strips, places[1]),
    ]
    for page in range(pages):
        after = len(content) + 2 + 12 * len(tags) + 4
        content += struct.pack("<H", len(tags))
        for code, count, value in tags:
            content += struct.pack("<HHII", code, 4, count, value)
        content += struct.pack("<I", after if page < pages - 1 else 0)
    return bytes(content)


def bombs():
    """(name, content) of small files that would fill the memory."""
    yield "png.png", claiming_png(50_000, 50_000)
    yield "jpeg.jpg", claiming_jpeg(65_500, 65_500)
    yield "bmp.bmp", claiming_bmp(40_000, 40_000)
    yield "gif.png", claiming_gif(65_000, 65_000)
    yield "array.npy", claiming_npy((40_000, 40_000, 3))
    yield "doubles.npy", claiming_npy((10**6, 10**6), "<f8")
    yield "endless.npy", claiming_npy((10**9, 10**9, 10**9))
    yield "packed.npz", _claiming_npz()
    strip = zlib.compress(bytes(13_000 * 100), 9)
    for pages in (13, 200):
        yield (
            f"{pages}-pages.tif",
            tiff_pages(pages, 13_000, 13_000, strip, compression=8, rows=100),
        )
    yield "wide.tif", tiff_pages(1, 2**20, 2**20, strip, compression=8, rows=2**20)
    for name, claim in {
        "jpeg": (7, claiming_jpeg(65_500, 65_500)),
        "small-jpeg": (7, claiming_jpeg(12_000, 12_000)),
        "png": (34933, claiming_png(12_000, 12_000)),
        "jpeg-xl": (50002, _blank(imagecodecs.jpegxl_encode)),
        "jpeg-xr": (34934, _claiming_jpeg_xr()),
        "jpeg2000": (34712, _blank(imagecodecs.jpeg2k_encode)),
        "lerc": (34887, _blank(imagecodecs.lerc_encode)),
        "webp": (50001, _blank(imagecodecs.webp_encode)),
    }.items():
        compression, strip = claim
        yield (
            f"{name}.tif",
            tiff_pages(1, 16, 16, strip, compression=compression, rows=16, samples=3),
        )


def _blank(encode, side=1500):
    """A large image of one colour, as a file of a few kilobytes."""
    return bytes(encode(np.zeros((side, side, 3), np.uint8)))


def _claiming_jpeg_xr():
    content = bytearray(imagecodecs.jpegxr_encode(noise(16, 16, 3)))
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", content, place)[0] in (0xBC80, 0xBC81):
            struct.pack_into("<I", content, place + 8, 60_000)
    return bytes(content)


def _claiming_npz():
    """An array of 2.2 GiB in a file of a thousandth, as much of it as shows that it is unpacked."""
    file, head = io.BytesIO(), io.BytesIO()
    array = {"descr": "|u1", "fortran_order": False, "shape": (28_000, 28_000, 3)}
    np.lib.format.write_array_header_1_0(head, array)
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        archive.open("image.npy", "w", force_zip64=True) as member,
    ):
        member.write(head.getvalue())
        for _ in range(650):
            member.write(bytes(2**20))
    return file.getvalue()
