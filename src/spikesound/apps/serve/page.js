import { Picture } from "/picture.js";
import { FileSound, MicrophoneSound } from "/sound.js";

const LISTED = 500; // rows of the table; labels that are downloaded hold all events
const at = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const CALM_MS = 1000; // between pictures, where motion is not welcome

let model = null;
let picture = null;
let sound = null;
let events = [];
let name = "sound";
let wholeS = null; // length of the sound, once it is known
let drawn = 0;
let changed = true;

function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const minutes = Math.floor(tenths / 600);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function counted(number) {
  return number === 1 ? "1 event" : `${number} events`;
}

function say(status, error = "") {
  at("status").textContent = status;
  at("error").textContent = error;
}

function start(title) {
  sound?.stop();
  name = title;
  events = [];
  wholeS = null;
  picture.reset();
  at("events").replaceChildren();
  at("table").hidden = true;
  at("none").hidden = false;
  at("player").hidden = true;
  at("player").pause();
  at("stop").hidden = false;
  list();
}

async function run(next, doing) {
  sound = next;
  say(doing);
  let error = "";
  let last = null;
  try {
    await next.run((message) => {
      if (sound !== next) return;
      last = message.sound_s === undefined ? last : message;
      take(message);
    });
  } catch (thrown) {
    error = thrown.message;
  }
  if (sound !== next) return; // another sound has been started meanwhile
  sound = null;
  at("stop").hidden = true;
  if (error) {
    events = []; // a sound that cannot be processed to its end gets no labels
    at("events").replaceChildren();
    say(`Stopped after ${clock(picture.processed * model.hop_s)}.`, error);
  } else if (last) say(finished(last));
  else say(`Stopped after ${clock(picture.processed * model.hop_s)}, before the end.`);
  list();
}

function finished({ sound_s: lengthS, busy_s: busyS }) {
  wholeS = lengthS;
  if (!at("player").hidden) picture.show(0); // where the player begins
  changed = true;
  const factor = (busyS / lengthS).toFixed(3);
  return `Finished: ${clock(lengthS)} processed, ${counted(events.length)}; real-time factor ${factor}.`;
}

function take(message) {
  picture.take(message);
  for (const event of message.events) add(event);
  if (message.events.length) list();
  changed = true;
}

function add(event) {
  events.push(event);
  const row = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = event.label;
  const cells = [clock(event.onset_s), clock(event.offset_s), event.score.toFixed(2)];
  const show = document.createElement("button");
  show.type = "button";
  show.textContent = "Show";
  show.setAttribute("aria-label", `Show ${event.label} at ${clock(event.onset_s)}`);
  show.addEventListener("click", () => showAt(event.onset_s));
  const all = [...cells, show].map((content) => {
    const cell = document.createElement("td");
    cell.append(content);
    return cell;
  });
  row.append(head, ...all);
  at("events").append(row);
  if (events.length > LISTED) at("events").firstElementChild.remove();
}

function list() {
  at("none").hidden = events.length > 0;
  at("table").hidden = events.length === 0;
  at("download").disabled = events.length === 0;
  const more = events.length > LISTED ? `; the latest ${LISTED} are listed` : "";
  at("caption").textContent = `${counted(events.length)}${more}`;
}

function showAt(seconds) {
  picture.show(Math.round(seconds / model.hop_s) - Math.round(picture.shown / 4));
  if (!at("player").hidden) at("player").currentTime = seconds;
  changed = true;
}

function frame(now) {
  requestAnimationFrame(frame);
  const player = at("player");
  if (!player.hidden && !player.paused) {
    const place = Math.round(player.currentTime / model.hop_s);
    if (place < picture.first || place >= picture.first + picture.shown) picture.show(place);
    changed = true;
  }
  if (!changed || (calm.matches && now - drawn < CALM_MS)) return;
  changed = false;
  drawn = now;
  picture.cursor = player.hidden ? null : Math.round(player.currentTime / model.hop_s);
  picture.draw();
  const slack = picture.processed - picture.shown;
  const bar = at("first");
  at("wind").hidden = slack <= 0;
  bar.min = String(Math.max(0, Math.min(slack, Math.round(picture.keptFromS / model.hop_s))));
  bar.max = String(Math.max(0, slack));
  bar.value = String(picture.first);
  bar.setAttribute("aria-valuetext", `from ${clock(picture.first * model.hop_s)}`);
  at("from").textContent = clock(picture.first * model.hop_s);
  at("to").textContent = clock((picture.first + picture.shown) * model.hop_s);
  at("figures").textContent = figures();
}

function figures() {
  if (!picture.processed) return "";
  const parts = [`${clock(picture.processed * model.hop_s)} processed`];
  const share = (100 * picture.meanRate).toFixed(1);
  if (model.spiking) parts.push(`${share} % of the neurons spike in a frame, on average`);
  if (sound?.droppedS) parts.push(`${sound.droppedS.toFixed(1)} s lost: the computer is too slow`);
  if (picture.keptFromS > 0) parts.push(`the picture begins at ${clock(picture.keptFromS)}`);
  return parts.join(" · ");
}

function openFile(file) {
  if (!file || !picture) return;
  start(file.name);
  const player = at("player");
  if (player.src) URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(file);
  player.onloadedmetadata = () => { player.hidden = false; changed = true; };
  run(new FileSound(file), `Processing ${file.name}.`);
}

/** Length of what was processed; of a running sound at least to the end of the last event. */
function soundS() {
  const ends = events.map((event) => event.offset_s);
  return Math.max(wholeS ?? picture.processed * model.hop_s, ...ends.slice(-50));
}

async function download() {
  const format = at("format").value;
  let answer;
  try {
    const body = JSON.stringify({ name, sound_s: soundS(), events });
    answer = await fetch(`/labels/${format}`, { method: "POST", body });
  } catch {
    return say(at("status").textContent, "The labels could not be made: the program has ended.");
  }
  if (!answer.ok) return say(at("status").textContent, (await answer.json()).error);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `${name.replace(/\.[^.]*$/, "")}${answer.headers.get("x-suffix")}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  return undefined;
}

function theme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const is = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const show = () => {
    at("theme").textContent = is() ? "Light page" : "Dark page";
    changed = true;
  };
  at("theme").addEventListener("click", () => {
    root.dataset.theme = is() ? "light" : "dark";
    show();
  });
  dark.addEventListener("change", show);
  show();
}

function dropping() {
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (carries(event)) event.preventDefault();
    document.body.classList.toggle("over", carries(event));
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    openFile(event.dataTransfer.files[0]);
  });
}

async function begin() {
  theme();
  try {
    model = await (await fetch("/model")).json();
  } catch {
    return say("", "The program behind this page does not answer.");
  }
  at("model").textContent = model.model;
  const known = model.classes.map((each) => each.name).join(", ");
  const kind = model.spiking ? "A spiking network" : "A conventional network, without spikes";
  at("about").textContent = `${kind}. Classes: ${known}. Nothing leaves this computer.`;
  at("format").append(...model.formats.map((each) => new Option(each, each)));
  picture = new Picture(model, at("strips"));
  at("file").addEventListener("change", () => {
    openFile(at("file").files[0]);
    at("file").value = "";
  });
  at("microphone").addEventListener("click", () => {
    start("microphone");
    run(new MicrophoneSound(() => { changed = true; }), "Listening to the microphone.");
  });
  at("stop").addEventListener("click", () => sound?.stop());
  at("first").addEventListener("input", () => {
    const first = Number(at("first").value);
    picture.show(sound && first >= picture.processed - picture.shown ? null : first);
    changed = true;
  });
  at("download").addEventListener("click", download);
  dropping();
  requestAnimationFrame(frame);
  return undefined;
}

begin();
