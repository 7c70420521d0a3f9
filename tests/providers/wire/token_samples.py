"""Small texts of many kinds with what tokenizers make of them.

References: Claude 2's published vocabulary; for what is not English, the geometric mean of it and o200k, as vendors
differ twofold there.
"""

PYTHON = '''\
class Basket:
    """Goods by their name, with a price in cents each."""

    def __init__(self, limit: int = 20) -> None:
        self._goods: dict[str, int] = {}
        self._limit = limit

    def put(self, name: str, cents: int) -> None:
        if len(self._goods) >= self._limit:
            raise ValueError(f"no more than {self._limit} goods fit in here")
        self._goods[name] = cents

    def total(self, discount: float = 0.0) -> int:
        return round(sum(self._goods.values()) * (1 - discount))
'''

JAVASCRIPT = """\
import { readFile } from "node:fs/promises";

export async function loadSettings(path, fallback = {}) {
  try {
    const text = await readFile(path, "utf8");
    return { ...fallback, ...JSON.parse(text) };
  } catch (error) {
    if (error.code === "ENOENT") return fallback;
    throw new Error(`cannot read ${path}: ${error.message}`);
  }
}

document.querySelectorAll("button.save").forEach((button) => {
  button.addEventListener("click", () => window.localStorage.setItem("draft", editor.value));
});
"""

RUST = """\
use std::collections::HashMap;

pub struct Counter<'a> {
    seen: HashMap<&'a str, usize>,
}

impl<'a> Counter<'a> {
    pub fn feed(&mut self, line: &'a str) -> Result<usize, ParseError> {
        let word = line.split_whitespace().next().ok_or(ParseError::Empty)?;
        let count = self.seen.entry(word).or_insert(0);
        *count += 1;
        Ok(*count)
    }
}
"""

JSON_INDENTED = """\
{
  "name": "garden-sensor",
  "version": "2.4.1",
  "enabled": true,
  "interval_seconds": 300,
  "location": {"latitude": 52.5164, "longitude": 13.3777},
  "channels": [
    {"id": 1, "kind": "temperature", "unit": "celsius", "offset": -0.25},
    {"id": 2, "kind": "humidity", "unit": "percent", "offset": 0}
  ],
  "description": "Measures the soil and tells the pump when to start."
}
"""

JSON_COMPACT = (
    '{"type":"object","properties":{"file_path":{"type":"string","description":"The absolute path of the file '
    'to read"},"offset":{"type":"integer","minimum":0,"description":"The line to start from"},"limit":{'
    '"type":"integer","exclusiveMinimum":0,"description":"How many lines to read"}},'
    '"required":["file_path"],"additionalProperties":false}'
)

MARKDOWN = """\
# Watering the garden

Plants in pots dry out **much faster** than those in the ground. Check them every morning:

1. Put a finger into the soil, about two centimetres deep.
2. If it feels dry, water slowly until some runs out below.
3. Empty the saucer after half an hour, or the roots will rot.

| plant | summer | winter |
|-------|--------|--------|
| basil | daily | twice a week |
| cactus | weekly | never |

See [the table of soils](soils.md) and `pump --help` for what the pump can do.
"""

MINIFIED = (
    "function n(t,e){for(var r=[],i=0;i<t.length;i++){var o=t[i];if(o&&!e(o,i)){r.push(o.id||i)}}return r}"
    "var a=n(document.forms,function(t){return t.hidden});a.length>1?b(a[0],!0):c(null,void 0,{x:1,y:2});"
    '!function(t){"use strict";t.z=function(e){return e&&e.w?e.w:null}}(this);'
)

LOG = """\
2026-03-04 09:15:22,481 INFO pump.engine valve 7 opened after 132 ms
2026-03-04 09:15:22,977 WARNING pump.sensor no answer from 10.0.12.41:8807, trying again in 5 s
2026-03-04 09:15:28,012 ERROR pump.sensor giving up on 10.0.12.41:8807 (timeout)
2026-03-04 09:15:28,013 INFO pump.engine valve 7 closed, 1.85 litres in 5036 ms
"""

HASHES = """\
3f786850e387550fdab836ed7e6dc881de23001b  seeds.csv
89e6c98d92887913cadf06b2adb97f26cde4849b  soils.csv
sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
"""

DEEP_INDENTATION = """\
services:
    pump:
            settings:
                    valves:
                            - name: north
                              open: false
                            - name: south
                              open: true
                    limits:
                            litres: 40
"""

CHINESE = "花盆里的植物比地里的植物干得快得多。请每天早上检查土壤，如果觉得干燥，就慢慢浇水，直到有水从下面流出。"

RUSSIAN = "Растения в горшках сохнут гораздо быстрее, чем в земле. Проверяйте почву каждое утро и поливайте медленно."

GERMAN = (
    "Pflanzen in Töpfen trocknen viel schneller aus als solche im Boden. "
    "Prüfen Sie die Erde jeden Morgen und gießen Sie langsam."
)

EMOJI = "🌱🌻 Garden day! 🪴💧 Water the pots 🚿, then rest 🌞😎🍹 and enjoy 🎉🎉🎉"

SAMPLES = {
    "python": (PYTHON, 147),
    "javascript": (JAVASCRIPT, 143),
    "rust": (RUST, 126),
    "json, indented": (JSON_INDENTED, 133),
    "json, compact": (JSON_COMPACT, 77),
    "markdown": (MARKDOWN, 145),
    "minified": (MINIFIED, 136),
    "log": (LOG, 126),
    "hashes": (HASHES, 98),
    "deep indentation": (DEEP_INDENTATION, 38),
    "chinese": (CHINESE, 51),
    "russian": (RUSSIAN, 44),
    "german": (GERMAN, 35),
    "emoji": (EMOJI, 37),
}
