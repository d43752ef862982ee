"use strict";

/* The page's words in both languages; ?lang= or the browser's own order decides, the buttons change it. */
const WORDS = {
  en: {
    title: "Procurement platform: API", email: "E-mail", password: "Password", login: "Log in", logout: "Log out",
    search: "Search", problems: "All problems", loading: "Loading…", send: "Send", body: "Body", anyone: "anyone",
    parameters: "Parameters", answers: "Answers", example: "Example", noPage: "The description cannot be read",
    loggedIn: "Logged in as", refused: "Not logged in", ended: "The session has ended; log in again.",
    unreachable: "The gateway does not answer; try again.",
  },
  ru: {
    title: "Платформа закупок: API", email: "Почта", password: "Пароль", login: "Войти", logout: "Выйти",
    search: "Поиск", problems: "Все проблемы", loading: "Загрузка…", send: "Отправить", body: "Тело", anyone: "любой",
    parameters: "Параметры", answers: "Ответы", example: "Пример", noPage: "Описание не читается",
    loggedIn: "Вы вошли как", refused: "Вход не выполнен", ended: "Сеанс закончился, войдите снова.",
    unreachable: "Шлюз не отвечает, попробуйте снова.",
  },
};

const words = {
  language: "en",
  of: (name) => WORDS[words.language][name],
  use: (language) => {
    words.language = language in WORDS ? language : "en";
    document.documentElement.lang = words.language;
    document.title = words.of("title");
    document.querySelectorAll("[data-word]").forEach((place) => { place.textContent = words.of(place.dataset.word); });
    document.querySelectorAll("[data-language]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.language === words.language));
    });
  },
  preferred: () => {
    const asked = new URLSearchParams(location.search).get("lang");
    const known = [asked, ...navigator.languages].map((name) => (name || "").split("-")[0]);
    return known.find((name) => name in WORDS) || "en";
  },
};
