// Scanning with the camera of a phone, where the browser itself can read barcodes (BarcodeDetector) and lets a page see
// the camera (TLS, or the machine itself). Elsewhere the button stays hidden. Nothing is fetched, no picture is kept.
"use strict";
(async () => {
  const button = document.getElementById("camera"), view = document.getElementById("camera-view");
  const field = document.getElementById("code"), form = document.getElementById("scanform");
  if (!button || !("BarcodeDetector" in window) || !navigator.mediaDevices) return;
  const WANTED = ["code_128", "code_39", "code_93", "codabar", "ean_13", "ean_8", "upc_a", "upc_e", "itf", "qr_code", "data_matrix"];
  const LOOK_MS = 150, SAME_AGAIN_MS = 2500;
  const known = await BarcodeDetector.getSupportedFormats().catch(() => []);
  const formats = WANTED.filter((format) => known.includes(format));
  if (!formats.length) return;
  const detector = new BarcodeDetector({ formats });
  let stream = null, timer = 0, last = "", lastAt = 0;
  button.hidden = false;

  async function look() {
    if (!stream) return;
    const found = view.readyState >= 2 ? await detector.detect(view).catch(() => []) : [];
    const text = found.length ? found[0].rawValue.trim() : "";
    // What stays before the camera is one scan; the same label again counts when it has been away for a while.
    if (text && (text !== last || Date.now() - lastAt > SAME_AGAIN_MS)) { field.value = text; form.requestSubmit(); }
    if (text) { last = text; lastAt = Date.now(); }
    timer = setTimeout(look, LOOK_MS);
  }
  function stop() {
    clearTimeout(timer);
    if (stream) for (const track of stream.getTracks()) track.stop();
    stream = null;
    view.srcObject = null;
    view.hidden = true;
    button.setAttribute("aria-pressed", "false");
  }
  button.addEventListener("click", async () => {
    if (stream) { stop(); return field.focus(); }
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    } catch { button.disabled = true; button.textContent = button.dataset.no; return; }
    view.srcObject = stream;
    view.hidden = false;
    button.setAttribute("aria-pressed", "true");
    await view.play().catch(() => {});
    look();
  });
  // A camera that nobody looks through is off.
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); });
  addEventListener("pagehide", stop);
})();
