// Labels of the collected events, as files: by the server in any format, else as CSV by the page.

import { scoreOf } from "/collection.js";

/** The labels of sounds with the events that are chosen: { sounds, unknown: how many have no label }. */
export function labelsOf(sounds, events) {
  const ended = events.filter((event) => event.state !== "deleted" && event.offset_s !== null);
  const labelled = ended.filter((event) => event.label !== null);
  const all = sounds.map((sound) => {
    const own = labelled.filter((event) => event.sound === sound.id);
    return {
      name: sound.name,
      sound_s: own.reduce((latest, event) => Math.max(latest, event.offset_s), sound.seconds),
      rate_hz: sound.rate_hz,
      events: own.map((event) => ({
        label: event.label, onset_s: event.onset_s, offset_s: event.offset_s,
        // What a person says is as true as a label can be: its score is 1.
        score: event.state === "detected" ? scoreOf(event) : 1,
      })),
    };
  });
  return { sounds: all.filter((sound) => sound.events.length), unknown: ended.length - labelled.length };
}

/** Save the labels of sounds; return a sentence if not as was asked for. */
export async function download(sounds, format) {
  const name = sounds.length === 1 ? sounds[0].name : "labels";
  let answer;
  try {
    answer = await fetch(`/labels/${format}`, { method: "POST", body: JSON.stringify({ sounds }) });
  } catch {
    save(new Blob([csv(sounds)]), name, ".csv");
    const why = format === "csv" ? "" : ` as CSV, since only the program makes ${format}`;
    return `The program behind this page does not answer: the labels were saved${why}.`;
  }
  if (!answer.ok) throw new Error((await answer.json()).error);
  save(await answer.blob(), name, answer.headers.get("x-suffix"));
  return "";
}

export function save(blob, name, suffix) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name.replace(/\.[^.]*$/, "")}${suffix}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** The same rows as the server's CSV. */
function csv(sounds) {
  const rows = sounds.flatMap(({ name, events }) => [...events]
    .sort((a, b) => a.onset_s - b.onset_s)
    .map((event) => [
      name, event.onset_s.toFixed(6), event.offset_s.toFixed(6), event.label, event.score.toFixed(6),
    ]));
  const all = [["filename", "onset", "offset", "event_label", "score"], ...rows];
  return `${all.map((row) => row.map(cell).join(",")).join("\n")}\n`;
}

function cell(text) {
  const line = text.replace(/[\t\n\v\f\r\u2028\u2029]+/g, " ");
  return /[",]/.test(line) ? `"${line.replaceAll('"', '""')}"` : line;
}
