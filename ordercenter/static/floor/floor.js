// The scan page. A scan gets its id here, goes into a queue that outlives the page, and is sent in order; the server
// decides what it is and answers each id once, however often it is sent.
"use strict";
for (const select of document.querySelectorAll("select[data-go]")) select.addEventListener("change", () => select.form.submit());

const root = document.getElementById("scan");
if (root) start(root);

function start(root) {
  const MOST = 200, AT_ONCE = 20, RETRY_MS = 2500;
  const field = document.getElementById("code"), pieces = document.getElementById("pieces"), answer = document.getElementById("answer");
  const task = document.getElementById("task"), log = document.getElementById("log");
  const waiting = document.getElementById("waiting"), loggedOut = document.getElementById("loggedout");
  const word = (name) => document.getElementById("words").content.querySelector(`[data-word=${name}]`).textContent;
  // Scans of another login or warehouse stay in their own queue.
  const key = `oc.scans.${root.dataset.user}.${root.dataset.warehouse}`;
  const device = remembered("oc.device", newId);
  const isKept = root.dataset.kept !== undefined, lastTask = `oc.task.${key}.${root.dataset.step}`;
  const scheme = document.getElementById("scheme");
  let at = root.dataset.at, sending = false, audio = null;

  // Dark or light, as the device says unless somebody has chosen here.
  function dress() {
    scheme.value = localStorage.getItem("oc.scheme") || "auto";
    document.documentElement.dataset.scheme = scheme.value;
  }
  dress();
  scheme.addEventListener("change", () => { localStorage.setItem("oc.scheme", scheme.value); dress(); field.focus(); });

  function remembered(name, make) {
    let value = localStorage.getItem(name);
    if (!value) localStorage.setItem(name, (value = make()));
    return value;
  }
  function newId() {
    // crypto.randomUUID is missing where a warehouse's page comes without TLS.
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64; bytes[8] = (bytes[8] & 63) | 128;
    const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
  // A page that was kept, or a login in another window, may have an older token in the form than the browser has.
  function token() {
    const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
    return cookie ? cookie.slice("csrftoken=".length) : root.querySelector("[name=csrfmiddlewaretoken]").value;
  }
  const queue = () => JSON.parse(localStorage.getItem(key) || "[]");
  function keep(scans) { localStorage.setItem(key, JSON.stringify(scans)); }
  function drop(ids) { keep(queue().filter((scan) => !ids.has(scan.id))); }

  function show(result, words, hint) {
    answer.dataset.result = "";
    void answer.offsetWidth;  // so that the same answer twice is seen twice
    answer.dataset.result = result;
    answer.querySelector(".words").textContent = words;
    answer.querySelector(".hint").textContent = hint || "";
    sound(result);
    if (navigator.vibrate) navigator.vibrate(result === "bad" ? [200, 80, 200] : 40);
  }
  function sound(result) {
    try {
      audio = audio || new AudioContext();
      const tone = audio.createOscillator(), volume = audio.createGain(), long = result === "bad" ? 0.6 : 0.09;
      tone.frequency.value = result === "bad" ? 170 : result === "kept" ? 520 : 1040;
      tone.type = result === "bad" ? "square" : "sine";
      volume.gain.value = 0.15;
      tone.connect(volume).connect(audio.destination);
      tone.start(); tone.stop(audio.currentTime + long);
    } catch { /* a device without sound still shows and shakes */ }
  }
  function note(ok, text, words) {
    const item = document.createElement("li");
    item.className = ok ? "" : "no";
    item.textContent = `${text} · ${words}`;
    log.prepend(item);
    while (log.children.length > 30) log.lastChild.remove();
  }
  function showTask(html) {
    task.innerHTML = html;  // made by our own server, every text in it escaped there
    sessionStorage.setItem(lastTask, html);
  }
  function count() {
    const n = queue().length;
    waiting.hidden = n === 0 || (sending && n <= AT_ONCE && navigator.onLine);
    waiting.querySelector("[data-count]").textContent = n;
  }

  function scan(text, step) {
    const scans = queue();
    if (scans.length >= MOST) return show("bad", word("full"));
    const grade = root.querySelector("input[name=grade]:checked");
    const one = { id: newId(), step: step || root.dataset.step, text, pieces: pieces ? Number(pieces.value) : 1, at: new Date().toISOString() };
    if (grade) one.grade = grade.value;
    if (at) one.place = at;  // the first scan of a page says where it is; from then on the server knows
    at = "";
    scans.push(one);
    keep(scans);
    if (pieces) pieces.value = 1;
    send();
  }

  async function send() {
    if (sending) return count();
    const scans = queue().slice(0, AT_ONCE);
    if (!scans.length) return count();
    sending = true;
    let again = false;
    try {
      const response = await fetch(root.dataset.url, {
        method: "POST", credentials: "same-origin", redirect: "manual",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
        body: JSON.stringify({ user: Number(root.dataset.user), warehouse: Number(root.dataset.warehouse), device, scans }),
        signal: AbortSignal.timeout(15000),
      });
      if (response.type === "opaqueredirect" || response.status === 403) { loggedOut.hidden = false; return; }
      loggedOut.hidden = true;
      // Another person has logged in meanwhile: these scans are not theirs, and wait for who made them.
      if (response.status === 409) { show("bad", word("other")); return; }
      if (response.status === 400) {
        // One of them cannot be read: it must not stop those behind it.
        drop(new Set([scans[0].id]));
        show("bad", word("refused"), scans[0].text);
        again = true;
        return;
      }
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const said = await response.json();
      const texts = new Map(scans.map((one) => [one.id, one.text]));
      drop(new Set(said.answers.map((one) => one.id)));
      for (const one of said.answers) note(one.ok, texts.get(one.id) || "", one.words);
      const bad = said.answers.filter((one) => !one.ok).pop(), last = said.answers[said.answers.length - 1];
      const told = bad || last;
      if (told) show(told.ok ? "ok" : "bad", told.words, told.hint);
      if (said.task) showTask(said.task);
      again = queue().length > 0;
      if (isKept && !again) location.reload();
    } catch {
      const left = queue();
      show("kept", left.length ? left[left.length - 1].text : "", word("kept"));
      setTimeout(send, RETRY_MS);
    } finally {
      sending = false;
      count();
      if (again) send();
    }
  }

  document.getElementById("scanform").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    field.value = "";
    if (text) scan(text);
  });
  field.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.isComposing) event.stopPropagation(); });
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.add) pieces.value = Math.max(0, Number(pieces.value) + Number(button.dataset.add));
    else if (button.dataset.undo !== undefined) scan("", "undo");
    else if (button.dataset.send && (!button.dataset.confirm || confirm(button.dataset.confirm))) scan(button.dataset.send, button.dataset.step);
    else return;
    field.focus();
  });
  // A wedge scanner types wherever the focus is: it belongs into the field, unless somebody types elsewhere.
  document.addEventListener("keydown", (event) => {
    const busy = event.target.closest("input, select, textarea, summary, a, button");
    if (!busy && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) field.focus();
  });
  window.addEventListener("online", send);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) send(); });
  if (isKept) { task.innerHTML = sessionStorage.getItem(lastTask) || ""; window.addEventListener("online", () => { if (!queue().length) location.reload(); }); }
  else { sessionStorage.setItem(lastTask, task.innerHTML); keepAtHand(); }
  count();
  send();

  // Reloading must work where the network does not reach. Only with TLS (or on the machine itself) do browsers allow it.
  async function keepAtHand() {
    if (!("serviceWorker" in navigator)) return;
    const paths = (selector, name) => [...document.querySelectorAll(selector)].map((element) => new URL(element[name]).pathname);
    const files = [...paths("script[src]", "src"), ...paths("link[rel=stylesheet], link[rel=icon]", "href")];
    const pages = [location.pathname, ...root.dataset.pages.split(" ").filter((path) => path !== location.pathname)];
    try {
      const registration = await navigator.serviceWorker.register(root.dataset.worker);
      const worker = registration.active || (await navigator.serviceWorker.ready).active;
      worker.postMessage({ whose: `${root.dataset.user}.${root.dataset.warehouse}.${document.documentElement.lang}`, pages, files });
    } catch { /* without it the page works as before: the queue outlives it, a reload needs the network */ }
  }
}
