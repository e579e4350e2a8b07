// Node-RED as it is installed, without its editor: only the flow runs.
module.exports = {
    httpAdminRoot: false,
    httpNodeRoot: false,
    logging: { console: { level: "warn" } },
    editorTheme: { projects: { enabled: false } },
};
