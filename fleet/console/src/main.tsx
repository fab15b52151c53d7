import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { pageAt } from "./pages";
import "./theme";
import "./styles.css";

// The page and its map come while it is asked who is here.
void pageAt(window.location.pathname)?.load();
if (window.location.pathname === "/") void import("./pages/watch/SiteMap");

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={new QueryClient()}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
