// Shortcuts: which keys do what, the list of them, and the switch of those that are a single key.

export class Keys {
  /**
   * everywhere and inTable: [[keys, words, run]]. Those of the table work where the focus is in it;
   * single keys that work everywhere can be switched off, for who speaks to the computer.
   */
  constructor({ dialog, list, button, toggle, table }, everywhere, inTable) {
    this.everywhere = everywhere;
    this.inTable = inTable;
    this.table = table;
    this.toggle = toggle;
    this.dialog = dialog;
    this.list(list);
    button.addEventListener("click", () => dialog.showModal());
    toggle.checked = localStorage.getItem("keys") !== "off";
    toggle.addEventListener("change", () => localStorage.setItem("keys", toggle.checked ? "on" : "off"));
    addEventListener("keydown", (event) => this.take(event));
  }

  list(place) {
    const rows = (entries, where) => entries.flatMap(([keys, words]) => {
      const term = document.createElement("dt");
      term.append(...keys.map((key) => Object.assign(document.createElement("kbd"), { textContent: shown(key) })));
      const meaning = document.createElement("dd");
      meaning.textContent = words + where;
      return [term, meaning];
    });
    place.append(...rows(this.everywhere, ""), ...rows(this.inTable, " (in the table)"));
  }

  take(event) {
    if (this.dialog.open || event.altKey || event.defaultPrevented) return;
    const writes = event.target.closest("input:not([type=range], [type=file], [type=checkbox]), select, textarea");
    const key = event.ctrlKey || event.metaKey ? `Ctrl+${event.key.toLowerCase()}` : event.key;
    if (writes && key !== "Escape") return;
    const isInTable = this.table.contains(event.target);
    const fits = ([keys]) => keys.includes(key);
    const own = (isInTable && this.inTable.find(fits))
      || ((this.toggle.checked || key.length > 1) && this.everywhere.find(fits));
    if (!own) return;
    event.preventDefault();
    own[2]();
  }
}

function shown(key) {
  return { ArrowDown: "↓", ArrowUp: "↑" }[key] ?? key;
}
