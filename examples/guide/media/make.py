"""Makes the small files that the programs send: `python examples/guide/media/make.py`."""

import io
import math
import struct
import wave
import zlib
from pathlib import Path

FOLDER = Path(__file__).parent
INVOICE = ("Invoice INV-2041", "Date: 2026-03-14", "2 x Espresso beans 1 kg  38.00", "Total: 38.00")


def png(width: int = 48, height: int = 32) -> bytes:
    """A sunset: a disc in front of a sky that reddens towards the horizon."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            sun = (x - width / 2) ** 2 + (y - height * 0.62) ** 2 < 64
            rows += bytes((255, 220, 90) if sun else (150 + y * 3, 90 + y, 160 - y * 4))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def wav(seconds: float = 0.25, rate: int = 8000, pitch: int = 440) -> bytes:
    """One note."""
    samples = (round(12000 * math.sin(2 * math.pi * pitch * n / rate)) for n in range(int(seconds * rate)))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, rate, 0, "NONE", ""))
        sound.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


def avi(size: int = 16, frames: int = 5, rate: int = 5) -> bytes:
    """A white square that crosses a blue field in one second, as uncompressed pictures."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data

    pictures = []
    for n in range(frames):
        near = range(n * 3, n * 3 + 4)
        field = [
            b"\xff\xff\xff" if x in near and 6 <= y < 10 else b"\xa0\x40\x10" for y in range(size) for x in range(size)
        ]
        pictures.append(chunk(b"00db", b"".join(field)))
    length = size * size * 3
    main = struct.pack("<14I", 1_000_000 // rate, length * rate, 0, 0, frames, 0, 1, length, size, size, 0, 0, 0, 0)
    stream = b"vidsDIB " + struct.pack("<10I4H", 0, 0, 0, 1, rate, 0, frames, length, 0, length, 0, 0, size, size)
    picture = struct.pack("<IiiHHIIiiII", 40, size, size, 1, 24, 0, length, 0, 0, 0, 0)
    description = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", picture))
    header = chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + description)
    return chunk(b"RIFF", b"AVI " + header + chunk(b"LIST", b"movi" + b"".join(pictures)))


def pdf(lines: tuple[str, ...] = INVOICE) -> bytes:
    """A page with a few lines of text."""
    text = " ".join(f"({line}) Tj T*" for line in lines)
    content = f"BT /F1 14 Tf 18 TL 40 200 Td {text} ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 320 240] /Contents 4 0 R"
            " /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
    )
    page, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(page))
        page += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    start, size = len(page), len(objects) + 1
    page += f"xref\n0 {size}\n0000000000 65535 f \n{table}"
    page += f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return page.encode()


MADE = {"sunset.png": png, "note.wav": wav, "square.avi": avi, "invoice.pdf": pdf}

if __name__ == "__main__":
    for name, make in MADE.items():
        (FOLDER / name).write_bytes(make())
