import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { Live } from "./live";
import "./styles.css";

const scheme = window.location.protocol === "https:" ? "wss" : "ws";
const live = new Live(`${scheme}://${window.location.host}/api/v1/live`);
live.start();

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={new QueryClient()}>
      <App live={live} />
    </QueryClientProvider>
  </StrictMode>,
);
