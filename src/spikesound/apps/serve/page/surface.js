// What the page as a whole does: its colours, and files dropped on it.

/** Let a button change between the light and the dark page; changed() is called after each change. */
export function theme(button, changed) {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const is = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.textContent = is() ? "Light page" : "Dark page";
    changed();
  };
  button.addEventListener("click", () => {
    root.dataset.theme = is() ? "light" : "dark";
    show();
  });
  dark.addEventListener("change", show);
  show();
}

/** Take files that are dropped on the page. */
export function dropping(open) {
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
    open(event.dataTransfer.files);
  });
}
