"use strict";
(() => {
  const stage = document.getElementById("stage");
  const slider = document.getElementById("slider");
  const width = Number(stage.dataset.width);
  const height = Number(stage.dataset.height);

  // As large as the column and the window allow, so that the whole picture is seen at once.
  const fit = () => {
    const room = stage.parentElement.clientWidth - 40;
    const tall = Math.max(window.innerHeight * 0.82, 320);
    const scale = Math.min(room / width, tall / height, 2);
    stage.style.width = `${Math.round(width * scale)}px`;
    stage.style.height = `${Math.round(height * scale)}px`;
  };
  const show = (percent) => {
    const value = Math.min(Math.max(percent, 0), 100);
    slider.value = String(Math.round(value));
    slider.setAttribute("aria-valuetext", `${Math.round(value)} percent before`);
    stage.style.setProperty("--cut", `${value}%`);
  };
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    show(((event.clientX - box.left) / box.width) * 100);
  };

  document.documentElement.classList.add("live");
  slider.hidden = false;
  document.getElementById("hint").hidden = false;
  slider.addEventListener("input", () => show(Number(slider.value)));
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    slider.focus({ preventScroll: true });
    follow(event);
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });
  window.addEventListener("resize", fit);
  fit();
  show(50);
})();
