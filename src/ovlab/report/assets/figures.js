// Figures: what a mark stands for, by pointer and by keyboard; the drawing as a file.

(() => {
  const tip = element('div', { class: 'tip', 'aria-hidden': 'true' });
  document.body.append(tip);
  let shown = null;

  function show(mark) {
    shown?.classList.remove('on');
    shown = mark;
    tip.classList.toggle('seen', mark !== null);
    if (mark === null) return;
    mark.classList.add('on');
    tip.textContent = mark.getAttribute('aria-label');
    const place = mark.getBoundingClientRect();
    const width = tip.offsetWidth, height = tip.offsetHeight;
    const left = Math.min(Math.max(8, place.left + place.width / 2 - width / 2), innerWidth - width - 8);
    const above = place.top - height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : Math.min(place.bottom + 8, innerHeight - height - 8)}px`;
  }

  for (const figure of document.querySelectorAll('main figure')) {
    const drawing = figure.querySelector('svg');
    const marks = [...figure.querySelectorAll('.mark')];
    marks.forEach((mark, number) => {
      const title = mark.querySelector('title');
      mark.setAttribute('aria-label', title.textContent);
      title.remove(); // the browser would show it besides
      mark.setAttribute('tabindex', number ? '-1' : '0');
      mark.addEventListener('pointerenter', () => show(mark));
      mark.addEventListener('pointerleave', () => show(null));
      mark.addEventListener('focus', () => show(mark));
      mark.addEventListener('blur', () => show(null));
    });
    // One stop of the tab key a figure; the arrows go from mark to mark.
    figure.addEventListener('keydown', (event) => {
      const here = marks.indexOf(document.activeElement);
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (here < 0) return;
      if (event.key === 'Escape') show(null);
      if (!step) return;
      event.preventDefault();
      const next = marks[(here + step + marks.length) % marks.length];
      marks[here].setAttribute('tabindex', '-1');
      next.setAttribute('tabindex', '0');
      next.focus();
    });
    const link = figure.querySelector('a[download$=".svg"]');
    link?.addEventListener('click', (event) => {
      event.preventDefault();
      download(standalone(drawing), 'image/svg+xml', link.download);
    });
  }
  addEventListener('scroll', () => show(null), { passive: true });

  // The drawing as a file of its own: with its namespace, its size and the colours that it has in print.
  function standalone(drawing) {
    const copied = drawing.cloneNode(true);
    const box = drawing.viewBox.baseVal;
    copied.removeAttribute('style');
    copied.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
    copied.setAttribute('width', `${box.width}pt`);
    copied.setAttribute('height', `${box.height}pt`);
    for (const mark of copied.querySelectorAll('.mark')) {
      const title = document.createElementNS('http://www.w3.org/2000/svg', 'title');
      title.textContent = mark.getAttribute('aria-label');
      mark.prepend(title);
      for (const name of ['tabindex', 'aria-label', 'class', 'role']) mark.removeAttribute(name);
    }
    return new XMLSerializer().serializeToString(copied).replace(/var\(--[\w-]+,\s*([^()]+)\)/g, '$1');
  }
})();
