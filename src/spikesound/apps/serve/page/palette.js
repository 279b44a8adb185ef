// The page's colours, for canvases.

const NAMES = ["well", "text", "soft", "snn", "link"];
const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** The colours as they are now, each [red, green, blue]. */
export function palette() {
  const colours = {};
  const place = document.createElement("span");
  document.body.append(place);
  for (const name of NAMES) {
    place.style.color = `var(--${name})`;
    probe.fillStyle = getComputedStyle(place).color;
    probe.fillRect(0, 0, 1, 1);
    colours[name] = [...probe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  }
  place.remove();
  return colours;
}

export function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}
