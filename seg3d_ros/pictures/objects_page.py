"""Page of objects: a card each with pictures, name, candidates and box."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from seg3d_ros.files import replacing
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.palette import color_of

_CANDIDATES = 5
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem; color: #1d2430; background: #f3f4f6 }
main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)) }
article { background: #fff; border-radius: 8px; overflow: hidden; border-top: 5px solid var(--own);
          box-shadow: 0 1px 3px #0003 }
.best { display: block; width: 100%; height: 13rem; object-fit: contain; background: #11151c }
.more { display: flex; gap: 2px; margin-top: 2px; height: 4rem }
.more img { flex: 0 1 25%; min-width: 0; object-fit: cover }
.none { height: 13rem; display: grid; place-items: center; background: #e5e7eb; color: #6b7280 }
section { padding: .6rem .9rem .9rem }
h2 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere }
h2 small { color: #6b7280; font-weight: normal }
dl { display: grid; grid-template-columns: 1fr auto; margin: .5rem 0; gap: .1rem .6rem }
dt { overflow-wrap: anywhere; background: linear-gradient(#cfe3ff, #cfe3ff) no-repeat;
     background-size: var(--share) 100%; padding: 0 .3rem; border-radius: 3px }
dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums }
p { margin: 0; color: #4b5563; font-size: .85rem }
"""


def write_objects_page(
    path: Path,
    objects: Sequence[MapObject],
    files: Mapping[int, Sequence[str]],
    *,
    title: str,
) -> None:
    """Write an HTML page; an older one is replaced.

    Args:
        path: file to write.
        objects: to show, the largest first.
        files: pictures of the objects by id, best first, relative to the page.
        title: plain text.
    """
    ordered = sorted(objects, key=lambda item: (-len(item), item.id))
    cards = "\n".join(_card(item, files.get(item.id, ())) for item in ordered)
    page = (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>\n"
        f"<h1>{escape(title)}</h1>\n<main>\n{cards}\n</main>\n</html>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _card(item: MapObject, files: Sequence[str]) -> str:
    color = "#" + bytes(color_of(item.id)).hex()
    parts = [*_pictures(item, files), "<section>", _heading(item), *_candidates(item)]
    return "\n".join(
        [f'<article id="object-{item.id}" style="--own:{color}">', *parts, _box(item),
         "</section></article>"]
    )  # fmt: skip


def _pictures(item: MapObject, files: Sequence[str]) -> Iterator[str]:
    if not files:
        yield '<div class="none">no picture</div>'
        return
    label = escape(item.label, quote=True)
    images = [f'src="{escape(file, quote=True)}" alt="{label}" loading="lazy"' for file in files]
    yield f'<img class="best" {images[0]}>'
    if images[1:]:
        yield f'<div class="more">{"".join(f"<img {image}>" for image in images[1:])}</div>'


def _heading(item: MapObject) -> str:
    return (
        f"<h2>{escape(item.label)} <small>object {item.id} · score {item.score:.2f}</small></h2>"
    )


def _candidates(item: MapObject) -> Iterator[str]:
    if item.candidates:
        rows = (
            f'<dt style="--share:{probability:.1%}">{escape(label)}</dt><dd>{probability:.0%}</dd>'
            for label, probability in item.candidates[:_CANDIDATES]
        )
        yield f"<dl>{''.join(rows)}</dl>"


def _box(item: MapObject) -> str:
    size = " x ".join(f"{value:.2f}" for value in item.box.size)
    center = ", ".join(f"{value:.2f}" for value in item.box.center)
    return f"<p>{size} m at {center} m · {len(item):,} voxels</p>"
