//! What is looked for on every page, and at every step of a player: expressions of JavaScript, each a function that takes
//! the element to look at, and gives the faults as a list of strings.

/// What is wider than its place without saying so: neither scrolls it, nor can one reach it.
pub const CUT_OFF: &str = r"(root => {
    const page = document.documentElement;
    const wide = [];
    if (page.scrollWidth > page.clientWidth) wide.push(`the page is ${page.scrollWidth} pixels wide`);
    for (const box of root.querySelectorAll('*')) {
        if (box.closest('details:not([open])') || box.scrollWidth <= box.clientWidth + 1 || box.clientWidth === 0) continue;
        const style = getComputedStyle(box);
        if (style.display === 'inline' || style.overflowX === 'visible') continue;
        // In the player a label may end in an ellipsis, if its title or the name of its step says all of it.
        const run = style.textOverflow === 'ellipsis' && box.closest('.run'), text = box.textContent.replace(/^ = /, '');
        if (run && (box.title === text || [...run.querySelectorAll('.row')].some(row => row.ariaLabel.includes(text)))) continue;
        const shade = style.backgroundImage.includes('gradient');
        if (style.overflowX !== 'auto' || box.tabIndex !== 0 || !shade) {
            wide.push(`${box.tagName} ${box.className} ${style.overflowX}: ${box.textContent.slice(0, 60)}`);
        }
    }
    return wide;
})";

/// Text that stands out less from the colour behind it than WCAG 2.1 AA demands (1.4.3): 4.5 to 1, and 3 to 1 if it is
/// large. The colour behind it is that of the elements around it; what else lies below, only axe-core knows.
pub const FAINT: &str = r"(root => {
    const parts = colour => {
        const [r, g, b, alpha = 1] = colour.match(/[\d.]+(e-?\d+)?/g).map(Number);
        return colour.startsWith('color(srgb') ? [r * 255, g * 255, b * 255, alpha] : [r, g, b, alpha];
    };
    const over = ([r, g, b, alpha], below) => [r, g, b].map((part, at) => part * alpha + below[at] * (1 - alpha));
    const luminance = colour => {
        const [r, g, b] = colour.map(part => part / 255 <= .04045 ? part / 255 / 12.92 : ((part / 255 + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const grounds = new Map();
    const ground = element => {
        if (!element) return { colour: [255, 255, 255], opacity: 1 };
        if (!grounds.has(element)) {
            const style = getComputedStyle(element), below = ground(element.parentElement);
            grounds.set(element, { colour: over(parts(style.backgroundColor), below.colour), opacity: below.opacity * style.opacity });
        }
        return grounds.get(element);
    };
    const faint = [], texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.data.trim(), element = texts.currentNode.parentElement;
        if (!text || element.matches('script, style') || !element.checkVisibility({ visibilityProperty: true })) continue;
        const style = getComputedStyle(element), { colour, opacity } = ground(element), [r, g, b, alpha] = parts(style.color);
        const [light, dark] = [luminance(over([r, g, b, alpha * opacity], colour)), luminance(colour)].sort((a, b) => b - a);
        const ratio = (light + .05) / (dark + .05), size = parseFloat(style.fontSize);
        const large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
        if (ratio < (large ? 3 : 4.5)) faint.push(`faint: \u201c${text.slice(0, 40)}\u201d has ${ratio.toFixed(2)} to 1`);
    }
    return faint;
})";
