/* Open all details for printing. */
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => (each.open = true)));

for (const walk of document.querySelectorAll(".walk")) {
  const slider = walk.querySelector("input"), picture = walk.querySelector("img"), output = walk.querySelector("output");
  const texts = JSON.parse(walk.dataset.texts);
  const show = () => {
    picture.style.transform = `translateY(${(-100 * slider.value) / texts.length}%)`;
    output.textContent = texts[slider.value];
    slider.setAttribute("aria-valuetext", texts[slider.value]);
  };
  slider.addEventListener("input", show);
  show();
}
