"""Fill the cache of roc-validator's offline mode with the JSON-LD contexts of a bundle, from what rocrate ships.

Run by the validator's own interpreter: ``python crate_contexts.py CACHE``. The terms that bundles use mean the same in
all versions of RO-Crate's context; that of Workflow Run adds the hashes' names.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import requests_cache
import rocrate
import urllib3
from requests.adapters import HTTPAdapter

CRATE = "https://w3id.org/ro/crate/1.1/context"
RUN = "https://w3id.org/ro/terms/workflow-run/context"
HASHES = {name: f"https://w3id.org/ro/terms/workflow-run#{name}" for name in ("md5", "sha1", "sha256", "sha512")}


class Shipped(HTTPAdapter):
    """Answers for the two addresses."""

    def send(self, request, **_):
        shipped = Path(rocrate.__file__).parent / "data/ro-crate.jsonld"
        context = json.loads(shipped.read_text(encoding="utf-8"))["@context"]
        # Version 1.1 has Bioschemas' types by their earlier addresses.
        earlier = {
            name: f"https://bioschemas.org/{name}"
            for name, address in context.items()
            if str(address).startswith("https://bioschemas.org/terms/")
        }
        context |= earlier
        body = json.dumps({"@context": context if request.url == CRATE else HASHES}).encode()
        headers = {"Content-Type": "application/ld+json"}
        raw = urllib3.HTTPResponse(io.BytesIO(body), headers, 200, preload_content=False, request_url=request.url)
        return self.build_response(request, raw)


session = requests_cache.CachedSession(cache_name=sys.argv[1], expire_after=-1)
session.mount("https://w3id.org/", Shipped())
for address in (CRATE, RUN):
    session.get(address).raise_for_status()
