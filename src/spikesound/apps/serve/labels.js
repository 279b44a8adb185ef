// Labels of collected events, as files: by the server in any format, else as CSV by the page.

/** Save labels { name, sound_s, rate_hz, events }; return a sentence if not as was asked for. */
export async function download(labels, format) {
  let answer;
  try {
    answer = await fetch(`/labels/${format}`, { method: "POST", body: JSON.stringify(labels) });
  } catch {
    save(new Blob([csv(labels)]), labels.name, ".csv");
    const why = format === "csv" ? "" : ` as CSV, since only the program makes ${format}`;
    return `The program behind this page does not answer: the labels were saved${why}.`;
  }
  if (!answer.ok) throw new Error((await answer.json()).error);
  save(await answer.blob(), labels.name, answer.headers.get("x-suffix"));
  return "";
}

function save(blob, name, suffix) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name.replace(/\.[^.]*$/, "")}${suffix}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** The same rows as the server's CSV. */
function csv({ name, events }) {
  const rows = events.map((event) => [
    name, event.onset_s.toFixed(6), event.offset_s.toFixed(6), event.label, event.score.toFixed(6),
  ]);
  const all = [["filename", "onset", "offset", "event_label", "score"], ...rows];
  return `${all.map((row) => row.map(cell).join(",")).join("\n")}\n`;
}

function cell(text) {
  const line = text.replace(/[\t\n\v\f\r\u2028\u2029]+/g, " ");
  return /[",]/.test(line) ? `"${line.replaceAll('"', '""')}"` : line;
}
