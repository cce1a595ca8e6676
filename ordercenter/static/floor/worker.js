// Keeps the scan pages at hand for a phone that reloads without a network: one empty page for each step, and the files
// that it needs. What is due, what was scanned and who is logged in are not in here; scans wait in the page's own queue.
// The server puts VERSION before this file: a change of any of these files is a new worker with a new store.
"use strict";
const FAMILY = "oc.scan.", MINE = `${FAMILY}${VERSION}.`, PATIENCE_MS = 8000;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(Promise.all([self.clients.claim(), clear((name) => name.startsWith(MINE))])));

// A page that came from the network says whose it is and what it needs.
self.addEventListener("message", (event) => event.waitUntil(keep(MINE + event.data.whose, event.data.pages, event.data.files)));

self.addEventListener("fetch", (event) => {
  const { request } = event, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" || ["script", "style", "image"].includes(request.destination)) event.respondWith(answer(request, url.pathname));
});

async function answer(request, path) {
  const kept = await find(path);
  if (!kept) return fetch(request);
  try {
    const fresh = await Promise.race([fetch(request), patience()]);
    // A proxy whose server is away is no network either.
    return [502, 503, 504].includes(fresh.status) ? kept : fresh;
  } catch { return kept; }
}

function patience() {
  return new Promise((_, reject) => { setTimeout(() => reject(new Error("no answer")), PATIENCE_MS); });
}

// One store for one person, warehouse and language; those of others go. pages: the open one first, which is renewed.
async function keep(name, pages, files) {
  await clear((other) => other === name);
  const store = await caches.open(name);
  const missing = async (path) => !(await store.match(path));
  await Promise.all(files.map(async (path) => { if (await missing(path)) await store.add(path); }));
  await Promise.all(pages.map(async (path, n) => {
    if (n > 0 && !(await missing(path))) return;
    const got = await fetch(`${path}?kept=1`, { credentials: "same-origin", redirect: "manual" });
    if (got.ok) await store.put(path, got);
  }));
}

async function clear(stays) {
  for (const name of await caches.keys()) if (name.startsWith(FAMILY) && !stays(name)) await caches.delete(name);
}

async function find(path) {
  for (const name of await caches.keys()) {
    const kept = name.startsWith(MINE) && await (await caches.open(name)).match(path);
    if (kept) return kept;
  }
  return undefined;
}
