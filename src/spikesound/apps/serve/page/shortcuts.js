// What each shortcut does: [[keys, words, run]].

export function everywhere({ at, review, player, listen, stop, addEvent }) {
  return [
    [["o"], "open files", () => at("file").click()],
    [["m"], "use the microphone", listen],
    [["s"], "stop", stop],
    [["n"], "new event, where the player is", addEvent],
    [["f"], "to the filter", () => at("by-label").focus()],
    [["t"], "to the table", () => review.table.focus(review.table.chosen ?? review.listed[0])],
    [["Ctrl+z"], "undo the latest correction", () => review.undo()],
    [["Escape"], "close the editor, stop the player", () => {
      player.audio.pause();
      if (review.table.chosen) review.close(review.table.chosen);
    }],
    [["?"], "these shortcuts", () => at("shortcuts").showModal()],
  ];
}

/** Of the event whose row has the focus. */
export function inTable({ collection, review, play }) {
  const { editor } = review;
  const focused = (act) => () => { if (review.focused) act(review.focused); };
  const longest = (event) => collection.sounds.get(event.sound).seconds;
  const nudge = (name, steps) => focused((event) => editor.nudge(event, name, steps, longest(event)));
  return [
    [["ArrowDown", "j"], "next event", () => review.step(1)],
    [["ArrowUp", "k"], "event before", () => review.step(-1)],
    [["p"], "play the event", focused(play)],
    [["e"], "correct the event", focused((event) => review.table.chosen !== event && review.choose(event))],
    [["c"], "it is right as it is", focused((event) => editor.check(event))],
    [["Delete", "Backspace"], "delete the event, or restore it", focused((event) => review.delete(event))],
    [["["], "start 0.05 s earlier", nudge("onset_s", -1)],
    [["]"], "start 0.05 s later", nudge("onset_s", 1)],
    [["{"], "end 0.05 s earlier", nudge("offset_s", -1)],
    [["}"], "end 0.05 s later", nudge("offset_s", 1)],
  ];
}
