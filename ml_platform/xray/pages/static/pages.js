// What a page does by itself: times in the reader's zone, renewal while something goes on, filters
// that apply at once, CSV for the clipboard, and a log that grows. Without it every page still reads.
"use strict";

const RENEWED_EVERY_MS = 5000;
const FOLLOWED_EVERY_MS = 3000;
const MOST_LINES = 5000;
const ours = Intl.DateTimeFormat().resolvedOptions().timeZone;

function localTimes(root) {
  if (document.body.dataset.zone === ours) return; // the server has said them so already
  const format = new Intl.DateTimeFormat("en-CA", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
    hourCycle: "h23", timeZoneName: "short",
  });
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.valueOf())) continue;
    const parts = Object.fromEntries(format.formatToParts(at).map((part) => [part.type, part.value]));
    time.textContent =
      `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute} ${parts.timeZoneName}`;
  }
}

async function pageAt(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) throw new Error(`${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function isInUse(part) {
  const focused = document.activeElement;
  const selection = document.getSelection();
  return (
    (part.contains(focused) && ["INPUT", "SELECT"].includes(focused.tagName)) ||
    (selection && !selection.isCollapsed && part.contains(selection.anchorNode))
  );
}

function replacePart(part, fresh) {
  if (part.innerHTML === fresh.innerHTML || isInUse(part)) return;
  const open = [...part.querySelectorAll("details")].map((one) => one.open);
  const links = [...part.querySelectorAll("a, summary, button")];
  const focused = links.indexOf(document.activeElement);
  part.replaceChildren(...fresh.childNodes);
  [...part.querySelectorAll("details")].forEach((one, index) => { one.open = open[index] ?? one.open; });
  if (focused >= 0) part.querySelectorAll("a, summary, button")[focused]?.focus({ preventScroll: true });
}

async function renew(all) {
  const parts = [...document.querySelectorAll(all ? "#live, #table" : "[data-refresh]")];
  if (!parts.length) return;
  const fresh = await pageAt(location.href);
  localTimes(fresh);
  for (const part of parts) {
    const other = fresh.getElementById(part.id);
    if (!other) continue;
    if (!other.hasAttribute("data-refresh")) part.removeAttribute("data-refresh");
    replacePart(part, other);
  }
  offerCopies(document);
}

function sayZone() {
  if (document.body.dataset.zone === ours) return;
  document.cookie = `mlp_xray_zone=${ours}; path=/; max-age=31536000; samesite=strict`;
  document.getElementById("zone").textContent = ours;
  // A story says its times in words, which the server has to say anew.
  if (document.querySelector("#live .lead")) renew(true).catch(() => {});
}

function offerCopies(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button[data-copy][hidden]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const status = button.parentElement.querySelector("[role=status]");
      try {
        const answer = await fetch(button.dataset.copy, { credentials: "same-origin" });
        await navigator.clipboard.writeText(await answer.text());
        status.textContent = "copied";
      } catch {
        status.textContent = "cannot be copied; the link beside has it";
      }
    });
  }
}

function follow(log) {
  let end = Number(log.dataset.end);
  log.scrollTop = log.scrollHeight;
  const timer = setInterval(async () => {
    if (document.hidden || !log.isConnected) return;
    try {
      const answer = await fetch(`${log.dataset.follow}?since=${end}`, { credentials: "same-origin" });
      if (!answer.ok) return;
      const more = await answer.json();
      const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      for (const line of more.lines) log.append(`${line.text}\n`);
      while (log.childNodes.length > MOST_LINES) log.firstChild.remove();
      end = more.next_byte ?? more.end_byte;
      if (isAtEnd) log.scrollTop = log.scrollHeight;
      if (!more.goes_on) clearInterval(timer);
    } catch { /* the next time, perhaps */ }
  }, FOLLOWED_EVERY_MS);
}

async function loadPart(place) {
  try {
    const view = (await pageAt(place.dataset.part)).getElementById("log-view");
    if (view) place.replaceChildren(view);
    place.querySelectorAll("[data-follow]").forEach(follow);
    const log = place.querySelector(".log");
    if (log) log.scrollTop = log.scrollHeight;
  } catch {
    place.textContent = "The log does not answer now; its own page says why.";
  }
}

localTimes(document);
sayZone();
offerCopies(document);
document.querySelectorAll("[data-part]").forEach(loadPart);
document.querySelectorAll("[data-follow]").forEach(follow);
document.querySelectorAll("form[data-apply] select").forEach((choice) => {
  choice.addEventListener("change", () => choice.form.requestSubmit());
});
setInterval(() => {
  if (!document.hidden) renew(false).catch(() => {});
}, RENEWED_EVERY_MS);
