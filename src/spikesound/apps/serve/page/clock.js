/** A time as hours (where there are any), minutes, seconds and tenths; a whole second without. */
export function clock(seconds, whole = false) {
  const tenths = Math.round(10 * seconds);
  const minutes = Math.floor(tenths / 600);
  const part = (tenths % 600) / 10;
  const rest = whole ? String(part).padStart(2, "0") : part.toFixed(1).padStart(4, "0");
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
