// Draws the figures in the colours of report.css, again whenever the screen turns dark or light and for a printer.
const root = document.documentElement, text = document.getElementById("charts").textContent;
function draw() {
  const style = getComputedStyle(root);
  const inked = text.replace(/var\((--[a-z]+)\)/g, (name, key) => style.getPropertyValue(key).trim() || name);
  for (const [id, chart] of Object.entries(JSON.parse(inked)))
    Plotly.react(id, chart.data, chart.layout, {displayModeBar: false, responsive: true});
}
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("beforeprint", () => { root.classList.add("printed"); draw(); });
addEventListener("afterprint", () => { root.classList.remove("printed"); draw(); });
if (matchMedia("(prefers-reduced-motion: reduce)").matches)
  for (const video of document.querySelectorAll("video")) { video.autoplay = false; video.pause(); }
