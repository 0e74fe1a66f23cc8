# Repositories that holdfast wrote are read by scripts/rescue, which knows only docs/format.md; and
# the golden repositories, one of every released format, are read by both, forever.
add_executable(make_repo ${CMAKE_CURRENT_SOURCE_DIR}/golden/make_repo.c)
target_link_libraries(make_repo PRIVATE hf_storage hf_base)

foreach(name rescue golden)
  add_test(NAME format-${name} COMMAND /usr/bin/python3
    ${CMAKE_CURRENT_SOURCE_DIR}/golden/test_${name}.py $<TARGET_FILE:make_repo>)
  set_tests_properties(format-${name} PROPERTIES LABELS format TIMEOUT 300
    SKIP_RETURN_CODE ${skip} ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
endforeach()
