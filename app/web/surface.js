// Gradio runs this once when the shell stands in the page. Events of this surface: "search", "halt".
import("/cm/static/surface.js").then((module) => module.start({ element, props, trigger, watch }));
