// Gradio runs this once when the shell stands in the page. Events of this surface: "bring", "stop".
import("/cm/static/music.js").then((module) => module.start({ element, props, trigger, watch }));
