import { clock } from "/clock.js";
import { Events, counted } from "/events.js";
import { download } from "/labels.js";
import { Picture } from "/picture.js";
import { FileSound, MicrophoneSound } from "/sound.js";
import { dropping, theme } from "/surface.js";

const at = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const CALM_MS = 1000; // between pictures, where motion is not welcome
const DESCRIBE_MS = 1000; // between descriptions of the picture in words

let model = null;
let picture = null;
let sound = null;
let events = null;
let name = "sound";
let isLive = false; // from a microphone
let saved = false; // its labels were downloaded
let rateHz = null; // of the sound itself, once it is known
let wholeS = null; // length of the sound, once it is known
const earlier = []; // of each sound kept for download: whether it would be lost with the page
let drawn = 0;
let describedAt = 0;
let undescribed = true;
let changed = true;

function say(status, error = "") {
  at("status").textContent = status;
  at("error").textContent = error;
}

function start(title, live) {
  sound?.stop();
  keep();
  name = title;
  isLive = live;
  saved = false;
  rateHz = null;
  wholeS = null;
  picture.reset();
  events.reset();
  at("player").hidden = true;
  at("player").pause();
  at("stop").hidden = false;
  list();
}

async function run(next, doing) {
  sound = next;
  say(doing);
  let error = null;
  let last = null;
  try {
    await next.run((message) => {
      if (sound !== next) return;
      last = message.sound_s === undefined ? last : message;
      take(message);
    });
  } catch (thrown) {
    error = thrown;
  }
  if (sound !== next) return; // another sound has been started meanwhile
  sound = null;
  at("stop").hidden = true;
  events.endAt(picture.knownS);
  const until = `Stopped after ${clock(picture.processed * model.hop_s)}`;
  if (error?.refused && !isLive) {
    events.reset(); // a file that cannot be processed to its end gets no labels
    picture.reset();
    say("Not processed.", error.message);
  } else if (error && !picture.processed) say("No sound yet.", error.message);
  else if (error) say(`${until}: ${counted(events.all.length)} until then.`, error.message);
  else if (last) say(finished(last));
  else say(`${until}, before the end.`);
  list();
}

function finished({ sound_s: lengthS, busy_s: busyS }) {
  wholeS = lengthS;
  if (!at("player").hidden) picture.show(0); // where the player begins
  const factor = (busyS / lengthS).toFixed(3);
  return `Finished: ${clock(lengthS)} processed, ${counted(events.all.length)}; real-time factor ${factor}.`;
}

function take(message) {
  picture.take(message);
  events.take(message, picture.known - message.results.length);
  rateHz = message.rate_hz ?? sound.rateHz ?? rateHz;
  if (message.opened.length || message.events.length) list();
  changed = true;
}

function list() {
  at("none").hidden = events.all.length > 0;
  at("table").hidden = events.all.length === 0;
  at("download").disabled = events.ended.length === 0;
  at("caption").textContent = events.caption();
  changed = true;
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
  if (undescribed && now - describedAt > DESCRIBE_MS) {
    picture.describe();
    undescribed = false;
    describedAt = now;
  }
  if (!changed || (calm.matches && now - drawn < CALM_MS)) return;
  changed = false;
  drawn = now;
  picture.cursor = player.hidden ? null : Math.round(player.currentTime / model.hop_s);
  picture.draw();
  undescribed = true;
  const slack = picture.processed - picture.shown;
  const bar = at("first");
  at("wind").hidden = slack <= 0;
  bar.min = String(Math.max(0, Math.min(slack, Math.round(picture.keptFromS / model.hop_s))));
  bar.max = String(Math.max(0, slack));
  bar.value = String(picture.first);
  bar.setAttribute("aria-valuetext", `from ${clock(picture.first * model.hop_s)}`);
  progress();
  at("figures").textContent = figures();
}

/** Length of the file as the browser's player knows it; null if it cannot play it, or it is none. */
function expectedS() {
  const seconds = at("player").hidden ? NaN : at("player").duration;
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}

/** Show how much of a file is processed; without its length, only that it goes on. */
function progress() {
  const bar = at("progress");
  bar.hidden = !sound || isLive;
  const whole = expectedS();
  if (whole === null) bar.removeAttribute("value");
  else bar.value = Math.min(1, (picture.processed * model.hop_s) / whole);
}

function figures() {
  if (!picture.processed) return "";
  const whole = sound && !isLive ? expectedS() : null;
  const of = whole === null ? "" : ` of ${clock(whole)}`;
  const parts = [`${clock(picture.processed * model.hop_s)}${of} processed`];
  const share = (100 * picture.meanRate).toFixed(1);
  if (model.spiking) parts.push(`${share} % of the neurons spike in a frame, on average`);
  if (sound?.droppedS) parts.push(`${sound.droppedS.toFixed(1)} s lost: the computer is too slow`);
  if (picture.keptFromS > 0) parts.push(`the picture begins at ${clock(picture.keptFromS)}`);
  return parts.join(" · ");
}

function openFile(file) {
  if (!file || !picture) return;
  start(file.name, false);
  const player = at("player");
  if (player.src) URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(file);
  player.onloadedmetadata = () => { player.hidden = false; changed = true; };
  run(new FileSound(file), `Processing ${file.name}.`);
}

/** The labels of the sound as it is now. */
function labels() {
  const ended = events.ended;
  const soFar = wholeS ?? picture.processed * model.hop_s;
  const end = ended.reduce((latest, each) => Math.max(latest, each.offset_s), soFar);
  return { name, sound_s: end, rate_hz: rateHz, events: ended };
}

async function save(given, done) {
  let wrong = "";
  try {
    wrong = await download(given, at("format").value);
    done();
  } catch (error) {
    wrong = error.message;
  }
  say(at("status").textContent, wrong);
}

/** Before another sound takes its place: keep the events of this one, to be downloaded still. */
function keep() {
  events.endAt(picture.knownS);
  const kept = labels();
  if (!kept.events.length) return;
  const item = document.createElement("li");
  const button = document.createElement("button");
  const words = `${kept.name}: ${counted(kept.events.length)} in ${clock(kept.sound_s)}`;
  button.type = "button";
  button.textContent = "Download labels";
  button.setAttribute("aria-label", `Download labels of ${words}`);
  const unsaved = { is: isLive && !saved };
  button.addEventListener("click", () => save(kept, () => { unsaved.is = false; }));
  item.append(`${words} `, button);
  at("earlier-list").prepend(item);
  at("earlier").hidden = false;
  earlier.push(unsaved);
}

/** What came from a microphone comes never again: ask before the page is left with it. */
function leaving(event) {
  const unsaved = isLive && !saved && events.all.length > 0;
  if (unsaved || earlier.some((each) => each.is)) event.preventDefault();
}

async function begin() {
  theme(at("theme"), () => { changed = true; });
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
  picture = new Picture(model, at("strips"), at("time"));
  events = new Events(model, at("events"), showAt);
  at("file").addEventListener("change", () => {
    openFile(at("file").files[0]);
    at("file").value = "";
  });
  at("microphone").addEventListener("click", () => {
    start("microphone", true);
    run(new MicrophoneSound(() => { changed = true; }), "Listening to the microphone.");
  });
  at("stop").addEventListener("click", () => sound?.stop());
  at("first").addEventListener("input", () => {
    const first = Number(at("first").value);
    picture.show(sound && first >= picture.processed - picture.shown ? null : first);
    changed = true;
  });
  at("download").addEventListener("click", () => {
    const isWhole = !sound;
    save(labels(), () => { saved ||= isWhole; });
  });
  addEventListener("beforeunload", leaving);
  dropping(openFile);
  requestAnimationFrame(frame);
  return undefined;
}

begin();
