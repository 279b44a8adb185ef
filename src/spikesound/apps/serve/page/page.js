// The page as a whole: its parts, made and joined.

import { clock } from "/clock.js";
import { Collection, counted } from "/collection.js";
import { Keys } from "/keys.js";
import { save } from "/labels.js";
import { listenTo } from "/listening.js";
import { Owner } from "/owner.js";
import { keepPage } from "/page_cache.js";
import { Player } from "/player.js";
import { Program } from "/program.js";
import { Queue } from "/queue.js";
import { Recordings } from "/recordings.js";
import { DRAW_MS, Review } from "/review.js";
import { Session } from "/session.js";
import { everywhere, inTable } from "/shortcuts.js";
import { MicrophoneSound } from "/sound.js";
import { SoundsList } from "/sounds_list.js";
import { Store } from "/store.js";
import { dropping, theme } from "/surface.js";
import { Trace } from "/trace.js";
import { Traces } from "/traces.js";
import { View } from "/view.js";

const at = (id) => document.getElementById(id);
const program = new Program();
const traces = new Traces();
const sessions = new Map(); // of sounds that are processed, by their id
let model = null;
let collection = null;
let recordings = null;
let player = null;
let queue = null;
let view = null;
let review = null;
let list = null;
let follows = true; // the picture shows each file that is processed, until a person chooses a sound
let isKept = true; // whether the browser keeps what is collected

function say(status, error = "") {
  if (status) at("status").textContent = status;
  at("error").textContent = error;
}

function changed() {
  if (view) view.changed = true;
  if (review) review.changed = true;
}

function show(sound) {
  view.open(sound, (sound && traces.get(sound)) ?? null, sessions.get(sound?.id) ?? null);
  if (!sound) player.close();
  else if (player.sound !== sound || player.at === null) player.open(sound).then(changed);
  changed();
}

/** Show a sound because a person asked for it. */
function choose(sound) {
  follows = false;
  if (view.sound !== sound) show(sound);
}

function makeSession(sound, source) {
  const session = new Session(model, collection, sound, new Trace(model), source, Number(at("quiet").value));
  traces.put(sound, session.trace);
  sessions.set(sound.id, session);
  if (follows || view.sound === sound || source instanceof MicrophoneSound) show(sound);
  say(source instanceof MicrophoneSound ? "Listening to the microphone." : `Processing ${sound.name}.`);
  return session;
}

function ended({ sound, last }, error) {
  sessions.delete(sound.id);
  if (error?.refused && sound.kind === "file") traces.remove(sound);
  if (view.sound === sound) show(sound);
  const until = `${sound.name}: ${collection.counts(sound)}`;
  if (last) say(`Finished ${until} in ${clock(last.sound_s)}.`, at("error").textContent);
  else if (error?.refused) say("Not processed.", error.message);
  else if (error) say(`Stopped. ${until} until then.`, error.gone ? "" : error.message);
  else say(`Stopped. ${until} until then.`);
}

function microphones() {
  return [...sessions.values()].filter(({ source }) => source instanceof MicrophoneSound);
}

async function listen() {
  if (microphones().length) return void stop();
  follows = false;
  const { session, error } = await listenTo(collection, recordings, makeSession);
  if (!session.trace.processed && !collection.of(session.sound).length) remove(session.sound);
  ended(session, error);
  if (error?.gone) queue.wait();
}

function stop() {
  (microphones().length ? microphones() : [...sessions.values()]).forEach((session) => session.stop());
}

function remove(sound) {
  collection.removeSound(sound);
  recordings.remove(sound);
  traces.remove(sound);
  if (view.sound === sound) show([...collection.sounds.values()].at(-1) ?? null);
}

function askAndRemove(sound) {
  const events = collection.of(sound);
  const own = events.filter((event) => event.state !== "detected").length;
  const what = events.length ? ` and ${counted(events.length)}${own ? `, ${own} of them corrected by you` : ""}` : "";
  if (confirm(`Remove ${sound.name}${what}?`)) remove(sound);
}

/** What the list shows beside a sound's own values. */
function about(sound) {
  const session = sessions.get(sound.id);
  return {
    shown: view.sound === sound,
    live: session?.source instanceof MicrophoneSound,
    away: queue.isAway,
    events: collection.of(sound).length || sound.state === "done" ? `; ${collection.counts(sound)}` : "",
    part: session && sound.expected_s ? Math.min(1, sound.seconds / sound.expected_s) : null,
  };
}

async function play(event) {
  const sound = collection.sounds.get(event.sound);
  const end = event.offset_s ?? event.onset_s + 1;
  try {
    choose(sound);
    view.seek(event.onset_s);
    await player.play(sound, event.onset_s, end);
    changed();
  } catch (error) {
    if (error.name !== "AbortError") say("", error.message); // else something else is played instead
  }
}

/** Show an event in the picture. */
function showEvent(event) {
  const sound = collection.sounds.get(event.sound);
  choose(sound);
  view.seek(event.onset_s);
  if (player.at !== null && !player.isPlaying) player.audio.currentTime = event.onset_s;
}

function addEvent() {
  const sound = view.sound;
  if (!sound) return say("", "Choose a sound first: an event is a part of it.");
  const atS = player.at !== null && !sessions.has(sound.id) ? player.at : sound.seconds;
  return void review.add(sound, Math.max(0, Math.min(atS, sound.seconds - 0.1)));
}

function unanswered(is, isSame) {
  at("away").hidden = !is && isSame;
  at("away").textContent = isSame
    ? "The program behind this page does not answer. All that was collected is still here: it can be "
      + "corrected and saved, and files that wait go on once spikesound serve runs again at this address."
    : "The program now serves another detector: reload the page. All that was collected stays.";
  changed();
}

/** What was kept of tabs that are gone: go on with its files. */
function taken(sounds) {
  for (const sound of sounds.filter(({ state }) => state === "running")) {
    const state = sound.kind === "file" ? "waiting" : "stopped";
    collection.changeSound(sound, { state });
  }
  say(`${sounds.length === 1 ? "1 sound" : `${sounds.length} sounds`} of an earlier visit, with what was collected.`);
  if (!view.sound) show(sounds.at(-1));
  queue.next();
}

function openFiles(files) {
  if (!queue || !files.length) return;
  follows = !view.session;
  queue.add([...files]);
  navigator.storage?.persist?.();
}

function frame(now) {
  requestAnimationFrame(frame);
  view.frame(now);
  if (review.changed && now - review.drawnAt >= DRAW_MS) {
    const sounds = [...collection.sounds.values()];
    at("no-sounds").hidden = sounds.length > 0;
    at("events-part").hidden = sounds.length === 0;
    at("stop").hidden = sessions.size === 0;
    list.draw(sounds);
  }
  review.frame(now);
}

/** Ask before the page is left with what is not kept: a microphone that is used, or all of it. */
function leaving(event) {
  if (microphones().length || (!isKept && collection.events.size)) event.preventDefault();
}

function join() {
  const take = () => {
    openFiles(at("file").files);
    at("file").value = "";
  };
  at("file").addEventListener("change", take);
  take(); // what was chosen before the page was ready
  at("microphone").addEventListener("click", listen);
  at("stop").addEventListener("click", stop);
  at("add").addEventListener("click", addEvent);
  at("quiet").value = localStorage.getItem("quiet") ?? at("quiet").value;
  at("quiet").addEventListener("change", () => localStorage.setItem("quiet", at("quiet").value));
  addEventListener("beforeunload", leaving);
  dropping(openFiles);
  new Keys({
    dialog: at("shortcuts"), list: at("keys"), button: at("show-keys"), toggle: at("single"), table: at("table"),
  }, everywhere({ at, review, player, listen, stop, addEvent }), inTable({ collection, review, play }));
}

async function begin() {
  theme(at("theme"), changed);
  try {
    model = await program.describe();
  } catch {
    return say("", "The program behind this page does not answer.");
  }
  at("model").textContent = model.model;
  const known = model.classes.map((each) => each.name).join(", ");
  const kind = model.spiking ? "A spiking network" : "A conventional network, without spikes";
  at("about").textContent = `${kind}. Classes: ${known}. Nothing leaves this computer.`;
  const store = await Store.open((error) => {
    isKept = false;
    say("", `The browser does not keep this any more (${error.message}): save the labels before you leave.`);
  });
  collection = new Collection(store, new Owner(), changed);
  recordings = new Recordings(store);
  player = new Player(at("player"), recordings);
  for (const change of ["seeking", "play", "pause"]) at("player").addEventListener(change, changed);
  view = new View(model, at, player, collection);
  review = new Review(model, at, collection, { play, show: showEvent, say });
  list = new SoundsList(at("sounds"), {
    show: choose, remove: askAndRemove,
    stop: (sound) => (sessions.get(sound.id) ?? { stop: () => queue.stop(sound) }).stop(),
    again: (sound) => queue.again(sound),
    save: async (sound) => save(await recordings.file(sound), sound.name, ".wav"),
  }, about);
  queue = new Queue({ program, collection, recordings, makeSession, ended, unanswered });
  join();
  await collection.load(taken);
  requestAnimationFrame(frame);
  if (await program.answers()) keepPage();
  else queue.wait();
  return undefined;
}

begin();
