// The page's own files, kept in the browser for when the program does not answer (offline.js).

export async function keepPage() {
  try {
    await navigator.serviceWorker.register("/offline.js");
    const loaded = performance.getEntriesByType("resource").map((entry) => new URL(entry.name));
    const own = loaded.filter((url) => url.origin === location.origin && /\.(js|css)$/.test(url.pathname));
    const cache = await caches.open("page");
    await cache.addAll(["/", "/model", ...new Set(own.map((url) => url.pathname))]);
    return true;
  } catch {
    return false; // at another address than 127.0.0.1 browsers keep no page
  }
}
