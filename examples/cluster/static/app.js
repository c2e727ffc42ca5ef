// Three clients, each with a panel: which server it is connected to, what it says, and what it hears.

const template = document.querySelector("template");

function open() {
  const panel = template.content.cloneNode(true).firstElementChild;
  const [title, form, list] = panel.children;
  const input = form.firstElementChild;
  document.querySelector("main").append(panel);

  const socket = io({ forceNew: true, transports: ["websocket"] });
  socket.on("server", name => (title.textContent = name));
  socket.on("disconnect", () => (title.textContent = "connecting…"));
  socket.on("said", ({ text, by }) => {
    const line = document.createElement("li");
    const name = document.createElement("b");
    name.textContent = by;
    line.append(name, ": ", text);
    list.prepend(line);
    while (list.children.length > 50) list.lastElementChild.remove();
  });
  form.addEventListener("submit", event => {
    event.preventDefault();
    const text = input.value.trim();
    if (text) socket.emit("say", text);
    input.value = "";
  });
}

for (let count = 0; count < 3; count++) open();
